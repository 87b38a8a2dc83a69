// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { RuntimeError } from '../../errors/error.ts';
import type { Log } from '../../lifecycle/runtime.ts';
import type { ContainerEvent } from '../../oci/stats.ts';
import { packageDirectory } from '../binding.ts';
import type { Answer, Request, RuntimeSettings } from './messages.ts';
import type { Operations } from './operations.ts';

/** The settings and the log of the caller. */
export interface Caller extends RuntimeSettings {
  readonly log: Log;
}

type Parameters<Name extends keyof Operations> = Operations[Name] extends (
  runtime: never,
  ...args: infer Args
) => unknown
  ? Args
  : never;

/**
 * An operation takes 1 to 10 ms, or as long as its hooks, and the event loop must not wait for it. One thread is fast
 * enough for operations without hooks; with more, a hook of one container does not delay the others. Without root,
 * `create` changes the oom_score_adj of the whole process, therefore there is only one thread then.
 */
const mostThreads = process.geteuid?.() === 0 ? 4 : 1;

/** An idle thread costs 10 MB. */
const idleMs = 10_000;

interface Job {
  readonly request: Request;
  readonly log: Log;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** A job that takes longer has hooks, and the next one gets another thread. More threads would delay the event loop. */
const slowMs = 20;

const waiting: Job[] = [];
const idle: Thread[] = [];
const busy = new Set<Thread>();
let threads = 0;
let isTimed = false;

/**
 * Performs an operation in another thread.
 *
 * @throws RuntimeError as the operation
 */
export async function perform<Name extends keyof Operations>(
  { log, root, systemdCgroup }: Caller,
  operation: Name,
  ...args: Parameters<Name>
): Promise<ReturnType<Operations[Name]>> {
  const request: Request = { settings: { root, systemdCgroup }, operation, args };
  try {
    return (await new Promise<unknown>((resolve, reject) => {
      waiting.push({ request, log, resolve, reject });
      next();
    })) as ReturnType<Operations[Name]>;
  } catch (error) {
    // Make a new error here, because its stack contains the caller.
    throw error instanceof RuntimeError ? error.with({}) : error;
  }
}

function next(): void {
  while (waiting.length > 0) {
    const thread = idle.pop() ?? anotherThread();
    if (thread === undefined) return;
    const job = waiting.shift();
    if (job !== undefined) thread.perform(job);
  }
}

/** Returns undefined if there are enough threads, or one of them will probably be idle soon. */
function anotherThread(): Thread | undefined {
  if (threads === mostThreads) return undefined;
  const begun = Math.max(...[...busy].map(thread => thread.begun));
  const leftMs = begun + slowMs - performance.now();
  if (threads === 0 || leftMs <= 0) return new Thread();
  if (isTimed) return undefined;
  isTimed = true;
  setTimeout(() => {
    isTimed = false;
    next();
  }, leftMs);
  return undefined;
}

class Thread {
  /** When its job began. */
  begun = 0;
  readonly #worker = newWorker();
  #job: Job | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor() {
    threads++;
    this.#worker.on('message', (message: Answer) => this.#receive(message));
    this.#worker.on('error', error => this.#fail(error));
    this.#worker.on('exit', () => {
      threads--;
      busy.delete(this);
      this.#remove();
      this.#fail(new Error('the thread has ended'));
      next();
    });
  }

  perform(job: Job): void {
    clearTimeout(this.#timer);
    this.#job = job;
    this.begun = performance.now();
    busy.add(this);
    this.#worker.ref();
    try {
      this.#worker.postMessage(job.request);
    } catch (error) {
      // An argument cannot be copied: a function, for example.
      this.#end()?.reject(error);
    }
  }

  #receive(message: Answer): void {
    switch (message.kind) {
      case 'debug':
      case 'warn':
        this.#job?.log[message.kind](message.message);
        return;
      case 'result':
        this.#end()?.resolve(message.value);
        return;
      case 'failure':
        this.#end()?.reject(new RuntimeError(message.error));
        return;
      case 'event':
        return;
    }
  }

  #fail(error: Error): void {
    this.#job?.reject(new RuntimeError({ code: 'internal', message: error.message }, { cause: error }));
    this.#job = undefined;
  }

  /** Makes the thread idle and returns its job. */
  #end(): Job | undefined {
    const job = this.#job;
    this.#job = undefined;
    this.#worker.unref();
    busy.delete(this);
    idle.push(this);
    this.#timer = setTimeout(() => {
      this.#remove();
      void this.#worker.terminate();
    }, idleMs);
    this.#timer.unref();
    next();
    return job;
  }

  #remove(): void {
    clearTimeout(this.#timer);
    const index = idle.indexOf(this);
    if (index >= 0) idle.splice(index, 1);
  }
}

function newWorker(): Worker {
  const worker = new Worker(join(packageDirectory(), 'dist/thread.cjs'), {
    // Options of the caller such as --import are for its own modules.
    execArgv: [],
  });
  worker.unref();
  return worker;
}

/**
 * The events of a container, as they happen. The thread is ended when the caller stops the iteration.
 *
 * @throws RuntimeError as watchContainer
 */
export async function* watchEvents(
  { log, root, systemdCgroup }: Caller,
  id: string,
  intervalMs: number,
): AsyncGenerator<ContainerEvent, void, undefined> {
  const worker = newWorker();
  worker.ref();
  const received: Answer[] = [];
  let wake = (): void => {};
  const receive = (message: Answer): void => {
    received.push(message);
    wake();
  };
  worker.on('message', receive);
  worker.on('error', error =>
    receive({ kind: 'failure', error: { code: 'internal', message: error.message } }),
  );
  const request: Request = { settings: { root, systemdCgroup }, operation: 'events', args: [id, intervalMs] };
  worker.postMessage(request);
  try {
    for (;;) {
      const message = received.shift();
      if (message === undefined) {
        await new Promise<void>(resolve => {
          wake = resolve;
        });
        continue;
      }
      if (message.kind === 'failure') throw new RuntimeError(message.error);
      if (message.kind === 'result') return;
      if (message.kind === 'event') yield message.event;
      else log[message.kind](message.message);
    }
  } finally {
    await worker.terminate();
  }
}
