// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { hasBlob, type ImageStore } from '../../image/blobs.ts';
import type { StoredLayer } from '../../image/store.ts';

/** Bytes. The download of a smaller rest takes less time than the start of another process. */
const leastDownload = 4 << 20;

/** The request to a second process of this program. */
export interface UnpackRequest {
  readonly action: 'unpack';
  readonly directory: string;
  /** The lowest layers of an image, which are in the store. */
  readonly layers: readonly StoredLayer[];
}

/**
 * Unpacks the layers whose archives are in the store while upper layers are downloaded, in a second process, because
 * unpacking blocks. A failure ends the process without a message: the caller then unpacks the missing layers itself,
 * and reports its failure.
 */
export class UnpackAhead {
  readonly #store: ImageStore;
  readonly #layers: readonly StoredLayer[];
  #unpacked = 0;
  #running: Promise<void> | undefined;
  #failed = false;

  constructor(store: ImageStore, layers: readonly StoredLayer[]) {
    this.#store = store;
    this.#layers = layers;
  }

  /** Call it after each download. */
  next(): void {
    if (this.#running !== undefined || this.#failed) return;
    const isMissing = ({ digest }: StoredLayer) => !hasBlob(this.#store, digest);
    const count = this.#layers.findIndex(isMissing);
    if (count <= this.#unpacked) return;
    const left = this.#layers.filter(isMissing).reduce((sum, { size }) => sum + size, 0);
    if (left < leastDownload) return;
    this.#running = this.#unpack(count).finally(() => {
      this.#running = undefined;
      this.next();
    });
  }

  /** Waits for the process that runs. */
  async end(): Promise<void> {
    this.#failed = true;
    await this.#running;
  }

  async #unpack(count: number): Promise<void> {
    const { directory } = this.#store;
    const request: UnpackRequest = { action: 'unpack', directory, layers: this.#layers.slice(0, count) };
    const words = [process.argv[1] ?? '', JSON.stringify(request)];
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'ignore', 'ignore'] });
    try {
      const [status] = (await once(child, 'exit')) as [number | null];
      if (status === 0) this.#unpacked = count;
      else this.#failed = true;
    } catch {
      // The process cannot be started.
      this.#failed = true;
    }
  }
}
