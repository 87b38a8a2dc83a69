// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Sandbox } from './sandbox.ts';

/** System calls with which a runtime changes state or sends a message; between two of them the state is constant. */
const effects = new Set(
  (
    'mkdir mkdirat mknod mknodat rename renameat renameat2 unlink unlinkat rmdir open openat write writev close flock ' +
    'memfd_create socketpair clone3 recvfrom recvmsg sendto sendmsg pidfd_open pidfd_send_signal waitid ppoll poll'
  ).split(' '),
);

/** The nth call of a name. */
export interface TracedCall {
  readonly name: string;
  readonly nth: number;
  readonly line: string;
}

// A created container keeps its streams open.
const quiet = ['ignore', 'ignore', 'ignore'] as const;

/** Runs the command to its end under strace and returns its effects, from the first one that involves the container. */
export function tracedCalls(box: Sandbox, args: readonly string[], id: string): TracedCall[] {
  const file = box.fresh('strace');
  const done = box.view.exec(['strace', '-o', file, '-s', '200', ...box.command(...args)], { stdio: quiet });
  expect(done.status).toBe(0);
  const seen = new Map<string, number>();
  const calls: TracedCall[] = [];
  for (const line of readFileSync(file, 'latin1').split('\n')) {
    const name = /^(\w+)\(/.exec(line)?.[1] ?? '';
    if (name === 'exit_group') break;
    if (!effects.has(name)) continue;
    seen.set(name, (seen.get(name) ?? 0) + 1);
    const relevant = calls.length > 0 || (line.includes(box.root) && line.includes(id));
    if (relevant) calls.push({ name, nth: seen.get(name) ?? 0, line });
  }
  return calls;
}

/** Kills the command at the entry of that call. False if the command ended before it. */
export function killedAt(box: Sandbox, { name, nth }: TracedCall, args: readonly string[]): boolean {
  const inject = `inject=${name}:signal=KILL:when=${nth}`;
  const strace = ['strace', '-o', '/dev/null', '-e', `trace=${name}`, '-e', inject];
  return box.view.exec([...strace, ...box.command(...args)], { stdio: quiet }).signal === 'SIGKILL';
}
