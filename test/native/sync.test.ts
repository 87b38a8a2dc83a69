// SPDX-License-Identifier: Apache-2.0
import { closeSync, fstatSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Binding } from '../../src/host/binding.d.ts';
import { encodePlan } from '../../src/wire/encode.ts';
import { requires } from '../helpers/requires.ts';

const binding = createRequire(import.meta.url)('../../build/Release/tsubo.node') as Binding;

it.skipIf(requires('root'))(
  'waits at each sync point, sends its descriptor, and ends with the runtime',
  () => {
    const directory = mkdtempSync(join(tmpdir(), 'tsubo-sync-'));
    const given = openSync(directory, 'r');
    const plan = encodePlan([
      { op: 'sync', origin: '', point: 'first', slot: 1, into: 0, count: 0 },
      { op: 'sync', origin: '', point: 'second', slot: 0, into: 0, count: 0 },
    ]);
    const request = { plan, cloneFlags: 0, cgroup: -1, pidNamespace: -1, preserveFds: 0, fds: [given] };
    const { pid, pidfd, channel } = binding.spawn(request);
    try {
      const first = binding.awaitReport(channel);
      expect(first).toMatchObject({ kind: 'waiting', step: 0 });
      expect(first.fd).toBeDefined();
      const handed = Number(first.fd);
      expect(fstatSync(handed).ino).toBe(fstatSync(given).ino);
      closeSync(handed);
      binding.resume(channel);
      expect(binding.awaitReport(channel)).toMatchObject({ kind: 'waiting', step: 1, fd: undefined });
      expect(binding.pidfdWait(pidfd, 0)).toBe(false);
    } finally {
      binding.close(channel);
      binding.pidfdWait(pidfd, -1);
      expect(binding.reap(pid)).toEqual({ code: 1 });
      binding.close(pidfd);
      closeSync(given);
      rmSync(directory, { recursive: true });
    }
  },
);
