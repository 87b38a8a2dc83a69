// SPDX-License-Identifier: Apache-2.0

/** personality(2). */
export const PER = { PER_LINUX: 0, PER_LINUX32: 8 } as const;
