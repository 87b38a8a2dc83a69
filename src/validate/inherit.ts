// SPDX-License-Identifier: Apache-2.0
import type { Process } from '../oci/config.ts';

/** The properties of a process document that the container's own process has set. */
export interface Inherited {
  /** To be put over the document. */
  readonly process: Partial<Process>;
  /** Whether the property at this path of the document is the container's: `('cwd')`, `('user', 'umask')`. */
  readonly has: (...parts: readonly (string | number)[]) => boolean;
}

/**
 * Properties that an executed process takes from the container when its document leaves them out. Not `args`, which names
 * the program; nor `terminal` and `consoleSize`, which say what the caller of this one process has.
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

/** Properties that an engine written in Go cannot leave out and make empty in two ways: runc takes both for the same. */
const emptyIsLeftOut: readonly string[] = ['rlimits', 'apparmorProfile', 'selinuxLabel'];

/**
 * A user comes whole from one of the two, so that no document gets the container's groups with its own uid; only the umask
 * is no part of that.
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
