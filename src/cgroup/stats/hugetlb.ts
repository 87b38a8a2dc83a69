// SPDX-License-Identifier: Apache-2.0
import type { Binding } from '../../host/binding.d.ts';
import type { ContainerStats } from '../../oci/stats.ts';
import { fileNumber, fileText, integer, keyed, nonzero } from './files.ts';

const units = ['KB', 'MB', 'GB'];

/** Statistics for each page size that the controller counts; reserved pages are used if the kernel counts them. */
export function hugetlbStats(binding: Binding, cgroup: string): ContainerStats['hugetlb'] {
  const found: Record<string, ContainerStats['hugetlb'][string]> = {};
  for (const size of pageSizes(binding)) {
    const usage =
      fileNumber(binding, cgroup, `hugetlb.${size}.rsvd.current`) ??
      fileNumber(binding, cgroup, `hugetlb.${size}.current`);
    if (usage === undefined) continue;
    const events = keyed(fileText(binding, cgroup, `hugetlb.${size}.events`));
    found[size] = { ...nonzero({ usage: integer(usage) }), failcnt: integer(events.get('max')) };
  }
  return found;
}

/** The page sizes of this machine, sorted, spelled as in the file names of the controller. */
function pageSizes(binding: Binding): string[] {
  const top = '/sys/kernel/mm/hugepages';
  if (binding.stat(top) === undefined) return [];
  return binding
    .readdir(top)
    .map(name => /^hugepages-(\d+)kB$/.exec(name)?.[1])
    .filter(kilobytes => kilobytes !== undefined)
    .map(kilobytes => sizeName(Number(kilobytes)))
    .sort();
}

function sizeName(kilobytes: number): string {
  let size = kilobytes;
  let unit = 0;
  for (; size % 1024 === 0 && unit < units.length - 1; unit++) size /= 1024;
  return `${size}${units[unit]}`;
}
