// SPDX-License-Identifier: Apache-2.0
import { parentPort } from 'node:worker_threads';
import type { ErrorFields } from '../../errors/error.ts';
import { toRuntimeError } from '../../errors/system.ts';
import { silentLog } from '../../lifecycle/runtime.ts';
import { loadBinding } from '../binding.ts';
import { collect, requireRunning } from './collect.ts';

/** The settings of a Runtime that can be copied to another thread. */
export interface ThreadSettings {
  readonly root: string;
  readonly systemdCgroup: boolean;
}

/** A request for the thread. */
export type ThreadRequest =
  | { readonly kind: 'collect' }
  | { readonly kind: 'requireRunning'; readonly id: string };

export type ThreadAnswer = { readonly value: unknown } | { readonly error: ErrorFields };

/** The program of the thread: one request after the other. */
export function serveThread(settings: ThreadSettings): void {
  const runtime = { ...settings, binding: loadBinding(), log: silentLog, program: 'tsubo' };
  parentPort?.on('message', (request: ThreadRequest) => {
    let answer: ThreadAnswer;
    try {
      const value = request.kind === 'collect' ? collect(runtime) : requireRunning(runtime, request.id);
      answer = { value };
    } catch (error) {
      answer = { error: toRuntimeError(error).fields() };
    }
    parentPort?.postMessage(answer);
  });
}
