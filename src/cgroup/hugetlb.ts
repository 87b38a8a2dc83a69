// SPDX-License-Identifier: Apache-2.0
import type { Binding } from '../host/binding.d.ts';
import type { HugepageLimit } from '../oci/resources.ts';
import type { CgroupWrite, ResourceContext } from './write.ts';

/** Limits pages in use and, if the kernel counts them, reserved pages: a process may use reserved pages later. */
export function hugetlbWrites(
  limits: readonly HugepageLimit[] | undefined,
  { origin }: ResourceContext,
): CgroupWrite[] {
  return (limits ?? []).flatMap(({ pageSize, limit }, index) => {
    const write = {
      value: String(limit),
      origin: `${origin}/hugepageLimits/${index}/limit`,
      controller: 'hugetlb',
    };
    return [
      { ...write, file: `hugetlb.${pageSize}.max` },
      { ...write, file: `hugetlb.${pageSize}.rsvd.max`, optional: true },
    ];
  });
}

/** Returns the sizes of huge pages of this machine, sorted, spelled as in the file names of the controller. */
export function hugePageSizes(binding: Binding): string[] {
  const top = '/sys/kernel/mm/hugepages';
  if (binding.stat(top) === undefined) return [];
  return binding
    .readdir(top)
    .map(name => /^hugepages-(\d+)kB$/.exec(name)?.[1])
    .filter(kilobytes => kilobytes !== undefined)
    .map(kilobytes => sizeName(Number(kilobytes)))
    .sort();
}

const units = ['KB', 'MB', 'GB'];

function sizeName(kilobytes: number): string {
  let size = kilobytes;
  let unit = 0;
  for (; size % 1024 === 0 && unit < units.length - 1; unit++) size /= 1024;
  return `${size}${units[unit]}`;
}
