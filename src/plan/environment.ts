// SPDX-License-Identifier: Apache-2.0

/** The part of the process's environment that can be computed before the container exists. */
export interface Environment {
  /** `NAME=value`, each name once. */
  readonly env: readonly string[];
  /** HOME must be read from the container's /etc/passwd. */
  readonly needsHome: boolean;
  /** Directories to search for the program; none without a PATH in the config. */
  readonly search: readonly string[];
}

/**
 * Keeps only the last of several entries with one name, in its position. An empty HOME counts as absent. LISTEN_PID is
 * 1, because the program is pid 1.
 *
 * @param given - `process.env`
 */
export function prepareEnvironment(given: readonly string[], listenFds: number): Environment {
  const all = listenFds > 0 ? [...given, `LISTEN_FDS=${listenFds}`, 'LISTEN_PID=1'] : given;
  const last = new Map<string, number>();
  for (const [index, entry] of all.entries()) last.set(nameOf(entry), index);
  const env = all.filter((entry, index) => last.get(nameOf(entry)) === index && entry !== 'HOME=');
  const path = env.find(entry => entry.startsWith('PATH='))?.slice('PATH='.length);
  return {
    env,
    needsHome: !env.some(entry => entry.startsWith('HOME=')),
    // An empty entry of PATH is the working directory.
    search: path === undefined || path === '' ? [] : path.split(':').map(directory => directory || '.'),
  };
}

function nameOf(entry: string): string {
  const equals = entry.indexOf('=');
  return equals < 0 ? entry : entry.slice(0, equals);
}
