// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Files that change by themselves, list processes, or are write-only. */
const moving =
  /^(cgroup\.(procs|threads|stat|stat\.local|kill)|.*\.(pressure|stat|stat\.local|numa_stat|current|peak|events|events\.local|reclaim))$/;

/**
 * Every control file of a cgroup with its content, but the empty text for `moving` files. Cgroups with the same limits
 * have equal results.
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

/** The files whose contents differ, with both contents. */
export function differences(
  one: Readonly<Record<string, string>>,
  other: Readonly<Record<string, string>>,
): Record<string, readonly [string | undefined, string | undefined]> {
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
  return Object.fromEntries(
    names.filter(name => one[name] !== other[name]).map(name => [name, [one[name], other[name]]]),
  );
}
