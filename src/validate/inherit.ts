// SPDX-License-Identifier: Apache-2.0
import type { Process } from '../oci/config.ts';

/** The properties that a process document inherits from the container's own process. */
export interface Inherited {
  /** The inherited values, which override the document. */
  readonly process: Partial<Process>;
  /** Returns true if the property at this path of the document is inherited: `('cwd')`, `('user', 'umask')`. */
  readonly has: (...parts: readonly (string | number)[]) => boolean;
}

/**
 * Properties that a new process inherits from the container if its document does not contain them. `args` is excluded
 * because it names the program; `terminal` and `consoleSize`, because they describe the caller's terminal.
 */
const names = [
  'cwd',
  'env',
  'user',
  'capabilities',
  'rlimits',
  'noNewPrivileges',
  'oomScoreAdj',
  'apparmorProfile',
  'selinuxLabel',
  'scheduler',
  'ioPriority',
  'execCPUAffinity',
] as const satisfies readonly (keyof Process)[];

/** Engines written in Go cannot distinguish an empty value of these properties from a missing one; neither does runc. */
const emptyIsLeftOut: readonly string[] = ['rlimits', 'apparmorProfile', 'selinuxLabel'];

/**
 * A user is taken completely from the document or from the container: the container's groups must not be combined with
 * another uid. Only the umask is inherited separately.
 */
export function inherit(document: Partial<Process>, container: Partial<Process>): Inherited {
  const process: Record<string, unknown> = {};
  const paths = new Set<string>();
  for (const name of names) {
    const given = document[name];
    const empty = emptyIsLeftOut.includes(name) && (given as string | readonly unknown[])?.length === 0;
    if (container[name] === undefined || (given !== undefined && !empty)) continue;
    process[name] = container[name];
    paths.add(name);
  }
  const umask = container.user?.umask;
  if (document.user !== undefined && document.user.umask === undefined && umask !== undefined) {
    process['user'] = { ...document.user, umask };
    paths.add('user/umask');
  }
  return {
    process,
    has: (...parts) => paths.has(String(parts[0])) || paths.has(parts.slice(0, 2).join('/')),
  };
}
