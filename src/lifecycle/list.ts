// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { toRuntimeError } from '../errors/system.ts';
import type { StateOutput } from '../oci/state.ts';
import { readSummaries } from './record-summaries.ts';
import type { Runtime } from './runtime.ts';
import { describe } from './state.ts';
import { readRecord } from './store.ts';

export interface Listing {
  readonly containers: readonly StateOutput[];
  /** One error for each directory that could not be read; the others are still listed. */
  readonly damaged: readonly RuntimeError[];
}

/**
 * Returns all containers under the root, ordered by id; `owner` is the user's name or `#uid`.
 *
 * @param options.rootMustExist - a missing root is an error, not an empty list
 * @param options.brief - annotations and `rootfs` may be left out; `rootfs` is then an empty text
 * @throws RuntimeError `state.no-root`
 */
export function listContainers(
  runtime: Runtime,
  options: { readonly rootMustExist: boolean; readonly brief: boolean },
): Listing {
  const damaged: RuntimeError[] = [];
  const users = new Map<string, string>();
  const nameOf = (uid: string): string => users.get(uid) ?? userName(runtime, uid, users);
  const containers = readSummaries(runtime, {
    brief: options.brief,
    userName: nameOf,
    whole(id, uid) {
      try {
        return describe(runtime, readRecord(runtime, id), nameOf(uid));
      } catch (error) {
        const problem = toRuntimeError(error);
        // Its create is in progress, or it was deleted after the directory was read.
        if (problem.code !== 'state.not-found')
          damaged.push(problem.with({ message: `load container ${id}: ${problem.message}` }));
        return undefined;
      }
    },
  });
  if (containers === undefined && options.rootMustExist) {
    throw new RuntimeError({
      code: 'state.no-root',
      message: `open ${runtime.root}: no such file or directory`,
      path: runtime.root,
      hint: 'the first create makes the directory of --root',
    });
  }
  return { containers: containers ?? [], damaged };
}

function userName(runtime: Runtime, uid: string, known: Map<string, string>): string {
  const name = readUserName(runtime, uid) ?? `#${uid}`;
  known.set(uid, name);
  return name;
}

/** Returns the name of the first entry with the uid; undefined without an entry, and if /etc/passwd cannot be read. */
function readUserName(runtime: Runtime, uid: string): string | undefined {
  let text = '';
  try {
    text = runtime.binding.readText('/etc/passwd');
  } catch (error) {
    runtime.log.debug(toRuntimeError(error).message);
  }
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':', 3);
    if (name && id === uid) return name;
  }
  return undefined;
}
