// SPDX-License-Identifier: Apache-2.0
import { type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';

/** Files that change without a change of the state: the output of a container. */
const ignored = /^log(\.|$)/;

/** Reports changes of the files from which the state is computed (inotify). */
export class Watches {
  readonly #data: string;
  readonly #changed: () => void;
  readonly #open = new Map<string, FSWatcher>();

  constructor(data: string, changed: () => void) {
    this.#data = data;
    this.#changed = changed;
  }

  /** @param ids - the containers to watch */
  update(ids: readonly string[]): void {
    const containers = join(this.#data, 'containers');
    const directories = new Set([
      containers,
      join(this.#data, 'names'),
      join(this.#data, 'images'),
      ...ids.map(id => join(containers, id)),
    ]);
    for (const [path, watcher] of this.#open) {
      if (directories.has(path)) continue;
      watcher.close();
      this.#open.delete(path);
    }
    for (const path of directories) if (!this.#open.has(path)) this.#add(path);
  }

  close(): void {
    for (const watcher of this.#open.values()) watcher.close();
    this.#open.clear();
  }

  /**
   * Watches a directory. If it does not exist or the limit of inotify is reached, only the periodic read finds its
   * changes.
   */
  #add(path: string): void {
    try {
      const watcher = watch(path, (_event, name) => {
        if (name === null || !ignored.test(name)) this.#changed();
      });
      watcher.on('error', () => this.#forget(path));
      this.#open.set(path, watcher);
    } catch {
      this.#forget(path);
    }
  }

  #forget(path: string): void {
    this.#open.get(path)?.close();
    this.#open.delete(path);
  }
}
