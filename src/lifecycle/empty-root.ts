// SPDX-License-Identifier: Apache-2.0
import type { ErrorFields } from '../errors/error.ts';
import { isSystemError } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import type { Config } from '../oci/config.ts';
import type { Plan } from '../plan/plan.ts';

/**
 * Replaces the hint for a missing program if its root file system is empty: PATH is not the cause then. A root counts
 * as empty if it has only entries that the runtime creates: targets of mounts, devices and the working directory.
 *
 * @param failure - of a step of the plan
 */
export function withEmptyRootHint(
  binding: Binding,
  failure: ErrorFields,
  plan: Plan,
  config: Config | undefined,
): ErrorFields {
  const search = failure.step === undefined ? undefined : plan.container[failure.step];
  const root = plan.container.find(step => step.op === 'openRoot');
  if (failure.code !== 'container.program-not-found' || search?.op !== 'findProgram') return failure;
  if (config === undefined || root === undefined) return failure;
  const created = [
    '/dev',
    config.process.cwd,
    ...(config.mounts ?? []).map(({ destination }) => destination),
    ...(config.linux?.devices ?? []).map(({ path }) => path),
  ].map(topDirectory);
  if (!entriesOf(binding, root.path)?.every(entry => created.includes(entry))) return failure;
  return {
    ...failure,
    hint: `the root file system ${root.path} is empty: put the files of an image there, or correct root.path`,
  };
}

/** Returns the names in a directory; undefined if the caller may not read it. */
function entriesOf(binding: Binding, path: string): readonly string[] | undefined {
  try {
    return binding.readdir(path);
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}

/** `usr` of `/usr/bin` and of `usr/bin`. */
function topDirectory(path: string): string | undefined {
  return path.split('/').find(name => name !== '' && name !== '.');
}
