// SPDX-License-Identifier: Apache-2.0
import type { IDMapping } from '../oci/config.ts';

/** One line a mapping: the first ID inside, the first outside, how many. The kernel takes all of them in one write. */
export function idMapText(mappings: readonly IDMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join('');
}
