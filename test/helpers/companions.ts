// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { afterEach } from 'vitest';
import { helperProgram } from './inside.ts';
import { type Running, until, watch } from './sandbox.ts';

/** Programs that run beside the containers of a test and end with it. */
export interface Companions {
  watch(child: ChildProcess): Running;
  /** The helper NAME.cc, once it says that it listens on its Unix socket at `path`. */
  listening(name: string, args: readonly string[], path: string): Promise<Running & { path: string }>;
}

/** For the `describe` that calls this, after its sandbox: they are killed before that cleans up. */
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
