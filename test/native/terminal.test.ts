// SPDX-License-Identifier: Apache-2.0
import { closeSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Binding, Report } from '../../src/host/binding.d.ts';
import { encodePlan } from '../../src/wire/encode.ts';
import type { Step } from '../../src/wire/steps.ts';
import { requires } from '../helpers/requires.ts';

const binding = createRequire(import.meta.url)('../../build/Release/tsubo.node') as Binding;
const newMountNamespace = 0x20000;
const recursively = 0x4000;
const slave = 0x80000;

describe.skipIf(requires('root'))('a terminal of the container', () => {
  /**
   * Returns the next report of the init, in a root with a devpts that `prepare` has modified; `look` runs meanwhile.
   */
  function report(
    prepare: (root: string) => void,
    look: (report: Report, pid: number, pidfd: number) => void,
  ): void {
    const root = mkdtempSync(join(tmpdir(), 'tsubo-terminal-'));
    mkdirSync(join(root, 'dev/pts'), { recursive: true });
    prepare(root);
    const steps: Step[] = [
      { op: 'setPropagation', origin: '', flags: recursively | slave },
      { op: 'openRoot', origin: '', path: root, tree: 0, propagation: 0 },
      {
        op: 'mount',
        origin: '',
        fstype: 'devpts',
        source: 'devpts',
        target: '/dev/pts',
        options: ['ptmxmode=0666', 'mode=0620', 'gid=5'],
        attributes: 0,
        flags: 0,
      },
      {
        op: 'openTerminal',
        origin: '',
        path: '/dev/ptmx',
        console: '/dev/console',
        slot: 1,
        height: 24,
        width: 100,
        uid: 1000,
      },
      { op: 'useTerminal', origin: '' },
      { op: 'sync', origin: '', point: 'console', slot: 1, into: 0, count: 0 },
    ];
    const plan = encodePlan(steps);
    const request = {
      plan,
      cloneFlags: newMountNamespace,
      cgroup: -1,
      pidNamespace: -1,
      preserveFds: 0,
      fds: [],
    };
    const { pid, pidfd, channel } = binding.spawn(request);
    try {
      look(binding.awaitReport(channel), pid, pidfd);
    } finally {
      binding.close(channel);
      binding.pidfdWait(pidfd, -1);
      binding.reap(pid);
      binding.close(pidfd);
      rmSync(root, { recursive: true });
    }
  }

  it('is the controlling terminal, the standard streams and /dev/console, and belongs to the user', () => {
    report(
      root => symlinkSync('pts/ptmx', join(root, 'dev/ptmx')),
      (found, pid, pidfd) => {
        expect(found).toMatchObject({ kind: 'waiting', step: 5 });
        expect(binding.isTerminal(Number(found.fd))).toBe(true);
        // State, parent, process group, session, terminal.
        const fields = binding.readText(`/proc/${pid}/stat`).split(') ')[1]?.split(' ') ?? [];
        const input = statSync(`/proc/${pid}/fd/0`);
        expect(Number(fields[3])).toBe(pid);
        expect(Number(fields[4])).toBe(input.rdev);
        expect(input).toMatchObject({ uid: 1000, gid: 5 });
        for (const fd of [1, 2]) expect(statSync(`/proc/${pid}/fd/${fd}`).rdev).toBe(input.rdev);
        const mounts = binding.readText(`/proc/${pid}/mountinfo`);
        expect(mounts).toMatch(/ \/0 \S*\/dev\/console .* - devpts /);
        // The last descriptor of the master: closing it hangs up the session.
        closeSync(Number(found.fd));
        expect(binding.pidfdWait(pidfd, 5000)).toBe(true);
      },
    );
  });

  it('is refused if ptmx is a regular file', () => {
    report(
      root => writeFileSync(join(root, 'dev/ptmx'), ''),
      found => expect(found).toMatchObject({ kind: 'failed', step: 3, errno: 19, detail: '/dev/ptmx' }),
    );
  });

  it('is refused if ptmx is missing', () => {
    report(
      () => undefined,
      found => expect(found).toMatchObject({ kind: 'failed', step: 3, syscall: 'openat2', errno: 2 }),
    );
  });

  it('does not follow a link at /dev/console', () => {
    report(
      root => {
        symlinkSync('pts/ptmx', join(root, 'dev/ptmx'));
        symlinkSync('elsewhere', join(root, 'dev/console'));
      },
      found => expect(found).toMatchObject({ kind: 'failed', step: 3, errno: 40, detail: '/dev/console' }),
    );
  });
});
