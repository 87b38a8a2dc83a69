// SPDX-License-Identifier: Apache-2.0
import { ociVersion } from '../oci/version.ts';

/** Of this runtime; the same as in package.json. */
export const version = '0.1.0';

/**
 * What `--version` prints, one item per line. Engines read the first word of each line, and Docker and containerd
 * know only `runc version`: called by that name, the lines are runc's. The commit is named by its release, as Debian's
 * builds of runc do: a package knows no other name of it.
 */
export function versionBlock(program: string): string {
  const own = [`tsubo version ${version}`, `spec: ${ociVersion}`];
  if (program !== 'runc') return `${own.join('\n')}\n`;
  return `${[`runc version ${version}`, `commit: v${version}`, own[1], own[0]].join('\n')}\n`;
}
