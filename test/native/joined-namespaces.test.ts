// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, readlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import type { Binding, Spawned, SpawnRequest } from '../../src/host/binding.d.ts';
import { namespaceFlags } from '../../src/oci/namespaces.ts';
import { encodePlan } from '../../src/wire/encode.ts';
import { requires } from '../helpers/requires.ts';

const binding = createRequire(import.meta.url)('../../build/Release/tsubo.node') as Binding;
const waiting = encodePlan([{ op: 'sync', origin: '', point: 'look', slot: 0, into: 0, count: 0 }]);

type Spawn = Pick<Partial<SpawnRequest>, 'cloneFlags' | 'joins'>;

function spawned(request: Spawn): Spawned {
  return binding.spawn({
    plan: waiting,
    cloneFlags: 0,
    cgroup: -1,
    pidNamespace: -1,
    preserveFds: 0,
    fds: [],
    ...request,
  });
}

/** Spawns an init that waits, and calls `look` with its pid. */
function withInit(request: Spawn, look: (pid: number) => void): void {
  const { pid, pidfd, channel } = spawned(request);
  try {
    expect(binding.awaitReport(channel)).toMatchObject({ kind: 'waiting' });
    look(pid);
  } finally {
    binding.close(channel);
    binding.pidfdWait(pidfd, -1);
    expect(binding.reap(pid)).toEqual({ code: 1 });
    binding.close(pidfd);
  }
}

const namespaceOf = (pid: number, file: string) => readlinkSync(`/proc/${pid}/ns/${file}`);
const statusOf = (pid: number, key: string) =>
  new RegExp(`^${key}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];

describe.skipIf(requires('root'))('an init in a user namespace', () => {
  it('has all capabilities in a new one without mappings', () => {
    withInit({ cloneFlags: namespaceFlags.user | namespaceFlags.pid }, pid => {
      expect(namespaceOf(pid, 'user')).not.toBe(readlinkSync('/proc/self/ns/user'));
      expect(readFileSync(`/proc/${pid}/uid_map`, 'utf8')).toBe('');
      expect(statusOf(pid, 'CapEff')).toBe(statusOf(pid, 'CapBnd'));
      expect(statusOf(pid, 'CapEff')).not.toMatch(/^0+$/);
    });
  });

  it('is a child of the runtime, in the namespaces that a helper joined, and its new namespaces are below those', async () => {
    const maker = spawn('unshare', [
      '--user',
      '--map-root-user',
      '--net',
      'sh',
      '-c',
      'echo ready; exec cat',
    ]);
    await once(maker.stdout, 'data');
    const fds = ['net', 'user'].map(file => openSync(`/proc/${maker.pid}/ns/${file}`, 'r'));
    try {
      withInit({ cloneFlags: namespaceFlags.pid, joins: fds }, pid => {
        for (const file of ['net', 'user'])
          expect(namespaceOf(pid, file)).toBe(namespaceOf(Number(maker.pid), file));
        expect(statusOf(pid, 'PPid')).toBe(String(process.pid));
        expect(statusOf(pid, 'NSpid')).toMatch(/\t1$/);
        expect(statusOf(pid, 'CapEff')).not.toMatch(/^0+$/);
      });
    } finally {
      for (const fd of fds) closeSync(fd);
      maker.kill('SIGKILL');
    }
  });

  it('reports the namespace that cannot be joined', () => {
    const fds = ['net', 'user'].map(file => openSync(`/proc/self/ns/${file}`, 'r'));
    try {
      // A process cannot join its own user namespace.
      expect(() => spawned({ joins: fds })).toThrowError(
        expect.objectContaining({ syscall: 'setns', path: '1' }),
      );
    } finally {
      for (const fd of fds) closeSync(fd);
    }
  });
});
