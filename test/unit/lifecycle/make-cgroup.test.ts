// SPDX-License-Identifier: Apache-2.0
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import { delegateCgroup, makeCgroup } from '../../../src/lifecycle/make-cgroup.ts';
import type { Runtime } from '../../../src/lifecycle/runtime.ts';
import type { HostStep } from '../../../src/plan/plan.ts';
import { type FakeMachine, machineForEachTest, thrown } from '../../helpers/fake-machine.ts';
import { hostContext } from '../../helpers/host-context.ts';

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
});

const asUser = (): Runtime => {
  const { binding, ...rest } = machine.runtime;
  return { ...rest, binding: { ...binding, identity: () => ({ ...binding.identity(), euid: 1000 }) } };
};
const place = () => ({
  root: machine.cgroups,
  path: join(machine.cgroups, 'web'),
  made: [join(machine.cgroups, 'web')],
});

describe('a cgroup that cannot be created', () => {
  /** Returns whether the container has a cgroup. */
  const make = (runtime: Runtime, origin: string, host: readonly HostStep[] = [], why = errno.EACCES) => {
    mkdirSync(join(machine.root, 'web'), { recursive: true });
    machine.trouble.set('mkdir', why);
    const context = hostContext(runtime, { host, record: { cgroup: place() } });
    makeCgroup.apply([{ op: 'makeCgroup', when: 'before', path: place().path, origin }], context);
    return context.record.cgroup !== undefined;
  };
  const memory = {
    op: 'writeCgroup',
    when: 'before',
    controller: 'memory',
    file: 'memory.max',
    value: '1',
    origin: '/linux/resources/memory/limit',
  } as const;

  it('is skipped for a user whose config requests none, without a warning because no request is ignored', () => {
    const debug: string[] = [];
    const runtime = asUser();
    const log = { ...runtime.log, debug: (message: string) => void debug.push(message) };
    expect(make({ ...runtime, log }, '', [{ ...memory, optional: true }])).toBe(false);
    expect(machine.warnings).toEqual([]);
    expect(debug).toEqual([
      `unable to make the cgroup ${place().path}: permission denied: the container gets no cgroup of its own`,
    ]);
  });

  it.each([
    ['a path', '/linux/cgroupsPath', []],
    ['limits', '', [memory]],
  ])('is a failure if the config requests %s', (_, origin, host) => {
    expect(thrown(() => make(asUser(), origin, host))).toMatchObject({
      code: 'host.syscall',
      message: expect.stringMatching(/^rootless needs no limits/),
      errno: errno.EACCES,
      hint: expect.stringContaining('linux.cgroupsPath'),
    });
  });

  it('is a failure for an error other than a missing permission', () => {
    expect(thrown(() => make(asUser(), '', [], errno.ENOSPC))).toMatchObject({ errno: errno.ENOSPC });
    expect(machine.warnings).toEqual([]);
  });

  it('is a failure for root', () => {
    expect(thrown(() => make(machine.runtime, ''))).toMatchObject({
      code: 'host.syscall',
      message: expect.stringMatching(/^unable to make the cgroup/),
      errno: errno.EACCES,
    });
    expect(machine.warnings).toEqual([]);
  });
});

describe('the delegation of a cgroup', () => {
  const step = { op: 'delegateCgroup', when: 'before', uid: 1000, origin: '/mounts/0' } as const;
  const give = (runtime: Runtime): void => {
    machine.binding.mkdir(place().path, 0o755);
    delegateCgroup.apply([step], hostContext(runtime, { record: { cgroup: place() } }));
  };
  const message = () =>
    `unable to change the owner of the cgroup ${place().path} to user 1000: operation not permitted`;

  it.each([
    ['the kernel lists', 'cgroup.procs\nmemory.reclaim\nmemory/x\n', ['cgroup.procs', 'memory.reclaim']],
    [
      'are the default if it lists none',
      undefined,
      ['cgroup.procs', 'cgroup.subtree_control', 'cgroup.threads'],
    ],
  ])('includes the files that %s', (_, list, files) => {
    const { binding, ...rest } = machine.runtime;
    const readTextIfThere = (path: string) =>
      path === '/sys/kernel/cgroup/delegate' ? list : binding.readTextIfThere(path);
    give({ ...rest, binding: { ...binding, readTextIfThere } });
    const { path } = place();
    expect(machine.calls.filter(call => call.startsWith('chown'))).toEqual(
      [path, ...files.map(file => join(path, file))].map(at => `chown ${at} 1000 ${0xffffffff}`),
    );
    expect(machine.warnings).toEqual([]);
  });

  it('is skipped with a warning for a user', () => {
    machine.trouble.set('chown', errno.EPERM);
    give(asUser());
    expect(machine.warnings).toEqual([message()]);
  });

  it('is required for root', () => {
    machine.trouble.set('chown', errno.EPERM);
    expect(thrown(() => give(machine.runtime))).toMatchObject({
      code: 'host.syscall',
      message: message(),
      pointer: '/mounts/0',
      errno: errno.EPERM,
    });
    expect(machine.warnings).toEqual([]);
  });

  it('fails for an error other than a missing permission', () => {
    machine.trouble.set('chown', errno.EIO);
    expect(thrown(() => give(asUser()))).toMatchObject({ code: 'host.syscall', errno: errno.EIO });
    expect(machine.warnings).toEqual([]);
  });
});
