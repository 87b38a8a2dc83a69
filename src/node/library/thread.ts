// SPDX-License-Identifier: Apache-2.0
// The program of a thread of the library (threads.ts): dist/thread.cjs.
import { parentPort } from 'node:worker_threads';
import { toRuntimeError } from '../../errors/system.ts';
import { watchContainer } from '../../lifecycle/events.ts';
import type { Runtime } from '../../lifecycle/runtime.ts';
import { loadBinding } from '../binding.ts';
import type { Answer, Request } from './messages.ts';
import { operations } from './operations.ts';

const answer = (message: Answer): void => parentPort?.postMessage(message);

function perform({ settings, operation, args }: Request): unknown {
  const runtime: Runtime = {
    ...settings,
    binding: loadBinding(),
    log: {
      debug: message => answer({ kind: 'debug', message }),
      warn: message => answer({ kind: 'warn', message }),
    },
  };
  if (operation === 'events') {
    const [id, intervalMs] = args as [string, number];
    return watchContainer(runtime, id, intervalMs, event => answer({ kind: 'event', event }));
  }
  const work = operations[operation] as (runtime: Runtime, ...args: readonly unknown[]) => unknown;
  return work(runtime, ...args);
}

parentPort?.on('message', (request: Request) => {
  try {
    answer({ kind: 'result', value: perform(request) });
  } catch (error) {
    answer({ kind: 'failure', error: toRuntimeError(error).fields() });
  }
});
