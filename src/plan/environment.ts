// SPDX-License-Identifier: Apache-2.0

/** The environment of the container's process as far as it is known before the container is. */
export interface Environment {
  /** `NAME=value`, each name once. */
  readonly env: readonly string[];
  /** HOME has to be found in the container's /etc/passwd. */
  readonly needsHome: boolean;
  /** Directories to look for the program in: none without a PATH in the config. */
  readonly search: readonly string[];
}

/**
 * Of several entries with one name the last counts, in its own place. An empty HOME counts as none. Descriptors of
 * socket activation are announced to pid 1, which the program is.
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
    // An empty directory in PATH means the working one.
    search: path === undefined || path === '' ? [] : path.split(':').map(directory => directory || '.'),
  };
}

function nameOf(entry: string): string {
  const equals = entry.indexOf('=');
  return equals < 0 ? entry : entry.slice(0, equals);
}
