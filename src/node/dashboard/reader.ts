// SPDX-License-Identifier: Apache-2.0
import { Worker } from 'node:worker_threads';
import { RuntimeError } from '../../errors/error.ts';
import type { Collected } from './collect.ts';
import type { ThreadAnswer, ThreadRequest, ThreadSettings } from './thread.ts';

interface Job {
  readonly request: ThreadRequest;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Reads the state of the machine in a thread: a read may wait for a lock or for a keeper, and the event loop must not
 * wait with it.
 */
export class Reader {
  readonly #worker: Worker;
  readonly #waiting: Job[] = [];

  /** @param program - the file of the thread, dist/dashboard.cjs */
  constructor(program: string, settings: ThreadSettings) {
    this.#worker = new Worker(program, { workerData: settings, execArgv: [] });
    this.#worker.on('message', (answer: ThreadAnswer) => {
      const job = this.#waiting.shift();
      if ('error' in answer) job?.reject(new RuntimeError(answer.error));
      else job?.resolve(answer.value);
    });
    this.#worker.on('error', error => {
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    });
  }

  collect(): Promise<Collected> {
    return this.#perform({ kind: 'collect' }) as Promise<Collected>;
  }

  /** @throws RuntimeError `direct.not-running`, `direct.no-container` */
  async requireRunning(id: string): Promise<void> {
    await this.#perform({ kind: 'requireRunning', id });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #perform(request: ThreadRequest): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      this.#worker.postMessage(request);
    });
  }
}
