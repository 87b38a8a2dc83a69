// SPDX-License-Identifier: Apache-2.0
import { Worker } from 'node:worker_threads';
import { mostMicroseconds, type TargetResult } from './run-target.ts';
import { allTargets } from './targets.ts';
import type { Work } from './worker.ts';

export { nativeSeeds } from './native-seeds.ts';
export { replay, storedInput } from './worker.ts';

export function targetNames(top: string): string[] {
  return allTargets(top).map(({ name }) => name);
}

/** An input without an end is given up after this multiple of the limit. */
const patience = 5;

/**
 * Executes a target in a thread. An input that does not end is a fault too, and ends the thread.
 *
 * @param worker - the bundle with worker.ts
 */
export function inThread(worker: URL, work: Omit<Work, 'progress'>): Promise<TargetResult> {
  const progress = new SharedArrayBuffer(8);
  const begun = new BigInt64Array(progress);
  return new Promise((resolve, reject) => {
    const thread = new Worker(worker, { workerData: { ...work, progress } satisfies Work });
    let last = -1n;
    let used = process.cpuUsage();
    const watch = setInterval(() => {
      const now = Atomics.load(begun, 0);
      const { user, system } = process.cpuUsage(used);
      if (now === last && user + system < patience * mostMicroseconds) return;
      if (now === last && now >= 0n) {
        clearInterval(watch);
        void thread.terminate();
        const seed = work.seed + Number(now);
        const fault = {
          target: work.target,
          seed,
          key: 'an input does not end',
          detail: `input ${now}`,
          input: '',
        };
        resolve({ target: work.target, inputs: Number(now), accepted: 0, faults: [fault] });
      }
      last = now;
      used = process.cpuUsage();
    }, 1000);
    thread.once('message', (result: TargetResult) => {
      clearInterval(watch);
      resolve(result);
    });
    thread.once('error', error => {
      clearInterval(watch);
      reject(error);
    });
  });
}
