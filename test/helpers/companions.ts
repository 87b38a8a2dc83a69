// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { afterEach } from 'vitest';
import { helperProgram } from './inside.ts';
import { type Running, until, watch } from './sandbox.ts';

/** Programs that run beside the containers of a test and end with it. */
export interface Companions {
  watch(child: ChildProcess): Running;
  /** Starts the helper NAME.cc and waits until it listens on its Unix socket at `path`. */
  listening(name: string, args: readonly string[], path: string): Promise<Running & { path: string }>;
}

/** Call it in a `describe` after the sandbox: the companions are killed before the sandbox cleans up. */
export function companions(): Companions {
  const all: Running[] = [];
  afterEach(async () => {
    for (const { child, ended } of all.splice(0)) {
      child.kill('SIGKILL');
      await ended;
    }
  });
  const keep = (child: ChildProcess): Running => {
    const running = watch(child);
    all.push(running);
    return running;
  };
  return {
    watch: keep,
    async listening(name, args, path) {
      const running = keep(spawn(helperProgram(name), args));
      await until('it listens', () => running.stderr() === 'listening\n');
      return { ...running, path };
    },
  };
}
