// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errno } from '../../src/errors/errno.ts';
import type { Binding, Report, WaitStatus } from '../../src/host/binding.d.ts';
import type { Seccomp } from '../../src/oci/seccomp.ts';
import { mountFlags } from '../../src/plan/mount-target.ts';
import { seccompStep } from '../../src/plan/seccomp.ts';
import { encodePlan } from '../../src/wire/encode.ts';
import type { Step } from '../../src/wire/steps.ts';
import { requires } from '../helpers/requires.ts';

const binding = createRequire(import.meta.url)('../../build/Release/tsubo.node') as Binding;
const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
const newMountNamespace = 0x20000;
const privateRecursively = 0x44000;

/** A plan step after which the kernel fails these calls of every later step with an error. */
const filter = (profile: Seccomp): Step => seccompStep(profile, machine);
const refusing = (names: readonly string[], errnoRet: number): Step =>
  filter({
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: [...names], action: 'SCMP_ACT_ERRNO', errnoRet }],
  });
const allowingOnly = (names: readonly string[], defaultErrnoRet: number): Step =>
  filter({
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet,
    syscalls: names.length === 0 ? [] : [{ names: [...names], action: 'SCMP_ACT_ALLOW' }],
  });

describe.skipIf(requires('root'))('an init', () => {
  let root = '';
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'tsubo-refusals-'));
    for (const name of ['proc', 'full/below']) mkdirSync(join(root, name), { recursive: true });
    writeFileSync(join(root, 'full/file'), 'copied');
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  /** Returns the first report of an init with this plan, and its end after the channel is closed. */
  function walk(steps: readonly Step[]): { readonly report: Report; readonly end: WaitStatus | undefined } {
    const request = { cloneFlags: newMountNamespace, cgroup: -1, pidNamespace: -1, preserveFds: 0, fds: [] };
    const { pid, pidfd, channel } = binding.spawn({ ...request, plan: encodePlan(steps) });
    // An init that neither reports nor ends fails the test and does not block it.
    const guard = spawn('/bin/sh', ['-c', 'sleep 100; kill -KILL "$1"', 'sh', String(pid)]);
    let report: Report;
    try {
      report = binding.awaitReport(channel);
    } finally {
      guard.kill('SIGKILL');
      binding.close(channel);
      if (!binding.pidfdWait(pidfd, 100_000)) binding.pidfdSignal(pidfd, 9);
      binding.pidfdWait(pidfd, -1);
    }
    const end = binding.reap(pid);
    binding.close(pidfd);
    return { report, end };
  }

  const inRoot = (): Step[] => [
    { op: 'setPropagation', origin: '', flags: privateRecursively },
    { op: 'openRoot', origin: '', path: root, tree: 0, propagation: 0 },
  ];
  const tmpfs = (target: string): Step => ({
    op: 'mount',
    origin: '',
    fstype: 'tmpfs',
    source: 'tmpfs',
    target,
    options: [],
    attributes: 0,
    flags: mountFlags.copyUp,
  });
  const hook: Step = {
    op: 'runHook',
    origin: '',
    path: '/bin/sh',
    args: ['sh', '-c', 'sleep 0.05'],
    env: [],
    home: 0,
    timeout: 30,
    input: ['{', '}'],
  };
  const sysctl: Step = { op: 'setSysctl', origin: '', path: 'kernel/domainname', value: 'x' };
  const table: readonly (readonly [call: string, step: Step])[] = [
    ['socket', { op: 'raiseLoopback', origin: '' }],
    ['openat', tmpfs('/full')],
    ['mkdirat', tmpfs('/full')],
    ['fchmodat', tmpfs('/full')],
    ['getdents64', tmpfs('/full')],
    ['openat', { op: 'pivotRoot', origin: '' }],
    ['openat', { op: 'moveRoot', origin: '' }],
    ['memfd_create', hook],
    ['lseek', hook],
    ['write', hook],
    ['ppoll', hook],
    ['clock_gettime', hook],
    ['waitid', hook],
    ['umask', { op: 'setUmask', origin: '', mask: 0o22 }],
  ];
  it.each(table.map(([call, step]) => [call, step.op, step] as const))(
    'reports the error of %s refused to %s, for any error',
    (call, _op, step) => {
      for (const error of [errno.EMFILE, errno.EXDEV]) {
        const steps = [...inRoot(), refusing([call], error), step];
        // A refused report cannot be sent: the exit status replaces it.
        const { report, end } = walk(steps);
        if (call === 'write') expect([report.kind, end]).toEqual(['ended', { code: 1 }]);
        else expect(report).toMatchObject({ kind: 'failed', step: 3, syscall: call, errno: error });
      }
    },
  );

  it('reports the index of the option that a file system refused, and none for another failure', () => {
    const withOptions = (...options: string[]) => ({ ...tmpfs('/full'), flags: 0, options }) as Step;
    const refused = walk([...inRoot(), withOptions('size=1m', 'size=abc', 'size=1m', 'size=abc')]).report;
    expect(refused).toMatchObject({ kind: 'failed', step: 2, syscall: 'fsconfig', item: 1 });
    const place = { ...withOptions('size=1m'), target: '/full/file' } as Step;
    const { report } = walk([...inRoot(), place]);
    expect(report).toMatchObject({ kind: 'failed', step: 2, errno: errno.ENOTDIR, item: undefined });
  });

  it.each(['fsopen', 'fsconfig', 'fsmount'])(
    'reports the error of a refused %s for its private procfs',
    call => {
      const { report } = walk([refusing([call], errno.EMFILE), sysctl]);
      expect(report).toMatchObject({ kind: 'failed', step: 1, errno: errno.EMFILE });
    },
  );

  it('kills a hook that it cannot wait for, and reports no timeout', () => {
    const long = { ...hook, args: ['sh', '-c', 'sleep 100'] } as Step;
    const { report } = walk([refusing(['ppoll'], errno.EACCES), long]);
    expect(report).toMatchObject({ kind: 'failed', syscall: 'ppoll', errno: errno.EACCES });
  });

  it('does not block on a hook that it cannot kill', () => {
    const endless = { ...hook, args: ['sh', '-c', 'sleep 10'], timeout: 1 } as Step;
    const { report } = walk([refusing(['kill'], errno.EACCES), endless]);
    expect(report).toMatchObject({ kind: 'failed', syscall: 'kill', errno: errno.EACCES });
  });

  const fault = machine === 'x86_64' ? { signal: 4 } : { signal: 5 };
  it.each([
    ['EIO', errno.EIO],
    ['EINTR', errno.EINTR],
    ['EAGAIN', errno.EAGAIN],
    ['EPERM', errno.EPERM],
  ])('ends with a fault if a filter fails every call with %s', (_name, error) => {
    for (const next of [hook, sysctl, tmpfs('/full'), { op: 'ready', origin: '' } as Step]) {
      const { report, end } = walk([...inRoot(), allowingOnly([], error), next]);
      expect([next.op, report.kind, end]).toEqual([next.op, 'ended', fault]);
    }
  });

  it('exits if a filter allows only that', () => {
    const { report, end } = walk([allowingOnly(['exit_group'], errno.EIO), { op: 'ready', origin: '' }]);
    expect([report.kind, end]).toEqual(['ended', { code: 1 }]);
  });

  it('reports before it is ready that a filter prevents its wait', () => {
    const { report } = walk([refusing(['read'], errno.EIO), { op: 'ready', origin: '' }]);
    expect(report).toMatchObject({ kind: 'failed', step: 1, syscall: 'read', errno: errno.EIO });
  });

  it('is ready under a filter that denies every prctl', () => {
    const { report, end } = walk([refusing(['prctl'], errno.EPERM), { op: 'ready', origin: '' }]);
    expect([report.kind, end]).toEqual(['ready', { code: 1 }]);
  });
});
