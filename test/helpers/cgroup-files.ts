// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What changes by itself, tells who is inside, or can only be written. */
const moving =
  /^(cgroup\.(procs|threads|stat|stat\.local|kill)|.*\.(pressure|stat|stat\.local|numa_stat|current|peak|events|events\.local|reclaim))$/;

/**
 * Every control file of a cgroup with its text, `moving` ones with none: what two cgroups with the same limits have in
 * common.
 */
export function controlFiles(directory: string): Record<string, string> {
  const files = readdirSync(directory, { withFileTypes: true }).filter(entry => entry.isFile());
  return Object.fromEntries(
    files
      .map(({ name }) => name)
      .sort()
      .map(name => [name, moving.test(name) ? '' : readFileSync(join(directory, name), 'utf8').trimEnd()]),
  );
}

/** The files whose texts differ, with both texts. */
export function differences(
  one: Readonly<Record<string, string>>,
  other: Readonly<Record<string, string>>,
): Record<string, readonly [string | undefined, string | undefined]> {
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
  return Object.fromEntries(
    names.filter(name => one[name] !== other[name]).map(name => [name, [one[name], other[name]]]),
  );
}
