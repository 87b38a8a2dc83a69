// SPDX-License-Identifier: Apache-2.0
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
