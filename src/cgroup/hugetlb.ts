// SPDX-License-Identifier: Apache-2.0
import type { HugepageLimit } from '../oci/resources.ts';
import type { CgroupWrite, ResourceContext } from './write.ts';

/** For pages in use and, as far as the kernel counts them, for reserved ones: what is reserved may be used later. */
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
