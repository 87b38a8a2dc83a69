// SPDX-License-Identifier: Apache-2.0
import type { Check } from '../context.ts';

/** The kernel's files are called after the size in its own form: `hugetlb.2MB.max`. */
export const checkHugepageLimits: Check = context => {
  for (const [index, limit] of context.config.linux?.resources?.hugepageLimits?.entries() ?? []) {
    const { pageSize } = limit;
    if (pageSize === undefined || /^[1-9][0-9]*[KMG]B$/.test(pageSize)) continue;
    const upper = pageSize.toUpperCase();
    context.problem({
      code: 'config.resources.page-size',
      message: `"${pageSize}" is not a size of huge pages`,
      pointer: `/linux/resources/hugepageLimits/${index}/pageSize`,
      value: pageSize,
      hint: /^[1-9][0-9]*[KMG]B$/.test(upper)
        ? `did you mean ${upper}?`
        : 'a number and KB, MB or GB, such as 2MB',
      spec: 'config-linux.md#huge-page-limits',
    });
  }
};
