// SPDX-License-Identifier: Apache-2.0
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errno } from '../../src/errors/errno.ts';
import type { Binding, Spawned } from '../../src/host/binding.d.ts';
import { encodePlan } from '../../src/wire/encode.ts';
import type { Step } from '../../src/wire/steps.ts';
import { requires } from '../helpers/requires.ts';

const binding = createRequire(import.meta.url)('../../build/Release/tsubo.node') as Binding;

describe.skipIf(requires('root'))('the FIFO of start', () => {
  let top: string;
  beforeEach(() => {
    top = mkdtempSync(join(tmpdir(), 'tsubo-start-'));
  });
  afterEach(() => rmSync(top, { recursive: true, force: true }));
  const fifo = () => join(top, 'fifo');

  const hook = (...args: string[]): Step => ({
    op: 'runHook',
    origin: '',
    path: '/bin/sh',
    args: ['sh', '-c', ...args],
    env: [],
    home: 0,
    timeout: 0,
    input: ['', ''],
  });
  const program: Step[] = [
    { op: 'findProgram', origin: '', name: '/bin/sleep', search: [] },
    { op: 'ready', origin: '' },
    { op: 'awaitStart', origin: '', fifo: 1 },
  ];
  const execute: Step = { op: 'execute', origin: '', args: ['sleep', '1000'], env: [] };

  /** An init that waits for `start`, and the steps after it. */
  function waiting(after: readonly Step[], use: (init: Spawned) => void): void {
    const held = binding.makeFullFifo(fifo(), 0o600);
    const request = { cloneFlags: 0, cgroup: -1, pidNamespace: -1, preserveFds: 0, fds: [held] };
    const init = binding.spawn({ ...request, plan: encodePlan([...program, ...after]) });
    binding.close(held);
    try {
      expect(binding.awaitReport(init.channel)).toMatchObject({ kind: 'ready' });
      binding.resume(init.channel);
      use(init);
    } finally {
      binding.pidfdSignal(init.pidfd, 9);
      binding.pidfdWait(init.pidfd, -1);
      binding.reap(init.pid);
      binding.close(init.pidfd);
      binding.close(init.channel);
    }
  }

  it('blocks the program until it is emptied, and reports when the program runs', () => {
    waiting([execute], ({ pidfd }) => {
      expect(binding.pidfdWait(pidfd, 50)).toBe(false);
      expect(binding.release(fifo())).toMatchObject({ kind: 'ready', step: 0 });
      expect(binding.pidfdWait(pidfd, 0)).toBe(false);
      // No process waits for a second release.
      expect(binding.release(fifo())).toMatchObject({ kind: 'ended' });
    });
  });

  it('returns the failure of a later step', () => {
    waiting([{ op: 'changeDirectory', origin: '', path: '/nosuch', mayFail: 0 }, execute], () => {
      expect(binding.release(fifo())).toMatchObject({ kind: 'failed', step: 3, errno: errno.ENOENT });
    });
  });

  it('returns the failure of the exec after hooks', () => {
    const missing: Step = { op: 'execute', origin: '', args: ['x'.repeat(200_000)], env: [] };
    waiting([hook('exit 0'), missing], () => {
      expect(binding.release(fifo())).toMatchObject({
        kind: 'failed',
        syscall: 'execve',
        errno: errno.E2BIG,
      });
    });
  });

  it('distinguishes a program that runs after hooks from an init that was killed in a hook', () => {
    waiting([hook('exit 0'), execute], () => {
      expect(binding.release(fifo())).toMatchObject({ kind: 'ready', step: 4 });
    });
    rmSync(fifo());
    waiting([hook('kill -KILL $PPID'), execute], () => {
      expect(binding.release(fifo())).toMatchObject({ kind: 'ready', step: 0 });
    });
  });

  it('reports that a killed init was not released', () => {
    waiting([execute], ({ pidfd }) => {
      binding.pidfdSignal(pidfd, 9);
      binding.pidfdWait(pidfd, -1);
      expect(binding.release(fifo())).toMatchObject({ kind: 'ended' });
    });
  });

  it('is released only once, also if the process that emptied it first has ended', () => {
    // The hook ends once this process has the FIFO open a second time, in `release`.
    const emptied = join(top, 'emptied');
    const released = `until [ -e ${emptied} ] && ls -l /proc/${process.pid}/fd | grep -q ${fifo()}`;
    waiting([hook(`${released}; do sleep 0.01; done`), execute], ({ pidfd }) => {
      const reader = openSync(fifo(), 'r');
      readSync(reader, Buffer.alloc(65_536));
      closeSync(reader);
      writeFileSync(emptied, '');
      expect(binding.release(fifo())).toMatchObject({ kind: 'ready' });
      expect(binding.pidfdWait(pidfd, 0)).toBe(false);
    });
  });
});
