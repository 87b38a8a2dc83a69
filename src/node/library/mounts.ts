// SPDX-License-Identifier: Apache-2.0
import type { AddedMount } from '../../lifecycle/hot-mounts.ts';
import type { RecordedMount } from '../../lifecycle/mount-list.ts';
import { checkNames } from './option-names.ts';
import { type Caller, perform } from './threads.ts';

/** A mount that was added to a container. */
export type ContainerMount = Omit<RecordedMount, 'identity'>;

/** The mounts that are added to a container after its create: `container.mounts`. They end with the container. */
export class ContainerMounts {
  readonly #caller: Caller;
  readonly #id: string;

  constructor(caller: Caller, id: string) {
    this.#caller = caller;
    this.#id = id;
  }

  /**
   * Shows a file or directory of the host, or a new file system, in a container that is created, running or paused.
   *
   * @example
   * ```ts
   * await container.mounts.add({ source: '/srv/site', target: '/www', options: ['ro'] });
   * ```
   * @throws RuntimeError `state.not-running`, `state.mount-exists`, `state.no-mount-namespace`, `config.mount.*`,
   *   `container.mount`, `host.*`
   */
  async add(mount: AddedMount): Promise<void> {
    checkNames('mounts.add', mount);
    await perform(this.#caller, 'addMount', this.#id, mount);
  }

  /** The added mounts, the oldest first. */
  async list(): Promise<readonly ContainerMount[]> {
    return perform(this.#caller, 'mounts', this.#id);
  }

  /**
   * Removes an added mount. Processes keep the files that they have open.
   *
   * @param target - its path in the container
   * @param options.force - removes it from the list although the container has removed or covered it. Default false
   * @throws RuntimeError `state.no-mount`, `state.mount-changed`, `container.mount`
   */
  async remove(target: string, options: { readonly force?: boolean } = {}): Promise<void> {
    checkNames('mounts.remove', options);
    await perform(this.#caller, 'removeMount', this.#id, target, options.force ?? false);
  }
}
