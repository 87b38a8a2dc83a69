// SPDX-License-Identifier: Apache-2.0
import { ociVersion } from '../oci/version.ts';

/** Of this runtime; the same as in package.json. */
export const version = '0.1.0';

/**
 * What `--version` prints, one item per line. Engines read the first word of each line, and Docker and containerd
 * know only `runc version`: called by that name, that line comes first.
 */
export function versionBlock(program: string): string {
  const lines = [`tsubo version ${version}`, `spec: ${ociVersion}`];
  if (program === 'runc') lines.unshift(`runc version ${version}`);
  return `${lines.join('\n')}\n`;
}
