// SPDX-License-Identifier: Apache-2.0

import { RuntimeError } from '../errors/error.ts';
import { deleteContainer } from '../lifecycle/delete.ts';
import type { Runtime } from '../lifecycle/runtime.ts';
import { isUnusable } from '../lifecycle/store.ts';
import { awaitKeeper } from './await-keeper.ts';
import type { DirectContainer } from './container.ts';
import { waitsForRestart } from './restart.ts';
import { isUp, runningInitPid, runsUnrecorded, stateOf } from './status.ts';
import { containerPath, type DirectStore, readContainer, removeFiles, withContainerLock } from './store.ts';
import { readVolume, removeVolume } from './volumes.ts';

export interface RemoveOptions {
  /** Kills a running container. */
  readonly force: boolean;
  /** Removes the anonymous volumes, too. */
  readonly volumes: boolean;
}

/**
 * Removes a container with its changes. Its name is free afterwards. Succeeds if another command has removed it
 * meanwhile.
 *
 * @param id - of a container; its record may be damaged with `force`
 * @throws RuntimeError `direct.running`; `state.damaged` if it runs and the runtime has no usable record of it
 */
export function removeDirect(
  runtime: Runtime,
  store: DirectStore,
  id: string,
  { force, volumes }: RemoveOptions,
): void {
  unlessRemoved(() =>
    withContainerLock(store, id, () => {
      const container = readable(store, id, force);
      if (container !== undefined && !force && isUp(stateOf(runtime, store, container)))
        throw notStopped(container, 'running');
      if (container !== undefined && !force && waitsForRestart(store, container))
        throw notStopped(container, 'restarting');
      // Kills the processes and frees cgroup, network and the runtime's own record.
      deleteContainer(runtime, id, { force: true });
      // The keeper writes into the directory until it has ended.
      if (!awaitKeeper(runtime.binding, containerPath(store, id))) {
        // Without a record the runtime cannot identify the init.
        const pid = runningInitPid(runtime, store, id);
        if (pid === undefined || runtime.binding.processExists(pid)) throw runsUnrecorded(runtime, store, id);
      }
      removeFiles(store, id, container?.name);
      if (volumes && container !== undefined) removeAnonymous(store, container);
    }),
  );
}

/** Removes a container with `--rm` after its end, unless another command has started it again. */
export function removeEnded(runtime: Runtime, store: DirectStore, id: string): void {
  try {
    removeDirect(runtime, store, id, { force: false, volumes: true });
  } catch (error) {
    if (!(error instanceof RuntimeError) || error.code !== 'direct.running') throw error;
  }
}

function unlessRemoved(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof RuntimeError) || error.code !== 'direct.no-container') throw error;
  }
}

/** Reads the record of the container; undefined if it is damaged and `force` is set. */
function readable(store: DirectStore, id: string, force: boolean): DirectContainer | undefined {
  try {
    return readContainer(store, id);
  } catch (error) {
    if (force && error instanceof RuntimeError && isUnusable(error)) return undefined;
    throw error;
  }
}

function removeAnonymous(store: DirectStore, { id, mounts }: DirectContainer): void {
  for (const { name, anonymous } of mounts) {
    if (anonymous === true && name !== undefined && readVolume(store, name) !== undefined) {
      removeVolume(store, name, id);
    }
  }
}

function notStopped({ name }: DirectContainer, status: 'running' | 'restarting'): RuntimeError {
  return new RuntimeError({
    code: 'direct.running',
    message: `cannot remove container "/${name}": container is ${status}: stop the container before removing or force remove`,
    value: name,
    hint: `tsubo container stop ${name}, or tsubo container rm --force ${name}`,
  });
}
