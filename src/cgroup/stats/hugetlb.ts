// SPDX-License-Identifier: Apache-2.0
import type { Binding } from '../../host/binding.d.ts';
import type { ContainerStats } from '../../oci/stats.ts';
import { hugePageSizes } from '../hugetlb.ts';
import { fileNumber, fileText, integer, keyed, nonzero } from './files.ts';

/** Statistics for each page size that the controller counts; reserved pages are used if the kernel counts them. */
export function hugetlbStats(binding: Binding, cgroup: string): ContainerStats['hugetlb'] {
  const found: Record<string, ContainerStats['hugetlb'][string]> = {};
  for (const size of hugePageSizes(binding)) {
    const usage =
      fileNumber(binding, cgroup, `hugetlb.${size}.rsvd.current`) ??
      fileNumber(binding, cgroup, `hugetlb.${size}.current`);
    if (usage === undefined) continue;
    const events = keyed(fileText(binding, cgroup, `hugetlb.${size}.events`));
    found[size] = { ...nonzero({ usage: integer(usage) }), failcnt: integer(events.get('max')) };
  }
  return found;
}
