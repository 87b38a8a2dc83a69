// SPDX-License-Identifier: Apache-2.0
import { ociVersion } from '../oci/version.ts';

/** The version of this runtime, the same as in package.json. */
export const version = '0.1.0';

/**
 * Formats the output of `--version`, one item per line. Engines read the first word of each line. Docker and containerd
 * support only `runc version`, therefore the lines are runc's if the program is called by that name. The commit is the
 * release name, as in Debian's builds of runc, because a package does not contain its commit.
 */
export function versionBlock(program: string): string {
  const own = [`tsubo version ${version}`, `spec: ${ociVersion}`];
  if (program !== 'runc') return `${own.join('\n')}\n`;
  return `${[`runc version ${version}`, `commit: v${version}`, own[1], own[0]].join('\n')}\n`;
}
