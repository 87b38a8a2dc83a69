// SPDX-License-Identifier: Apache-2.0
import type { IDMapping } from '../oci/config.ts';

/** One line per mapping: first ID inside, first ID outside, count. The kernel requires all lines in one write. */
export function idMapText(mappings: readonly IDMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join('');
}

/** `0:100000:65536 65536:300000:1`: container, host, size. */
export function mappingWords(mappings: readonly IDMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID}:${hostID}:${size}`).join(' ');
}
