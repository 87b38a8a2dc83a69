// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadDeviceFilter } from '../../../src/cgroup/devices/attach.ts';
import { createContainer } from '../../../src/lifecycle/create.ts';
import { warnOfUncounted, watchContainer } from '../../../src/lifecycle/events.ts';
import { pauseContainer, resumeContainer } from '../../../src/lifecycle/pause.ts';
import type { Runtime } from '../../../src/lifecycle/runtime.ts';
import { containerState } from '../../../src/lifecycle/state.ts';
import type { ContainerEvent } from '../../../src/oci/stats.ts';
import { type FakeMachine, machineForEachTest, thrown, writeBundle } from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
let runtime: Runtime;
machineForEachTest(made => {
  machine = made;
  runtime = machine.runtime;
});

const cgroup = () => join(machine.cgroups, 'c');
const create = () =>
  createContainer(runtime, { id: 'c', bundle: writeBundle(join(machine.directory, 'bundle')) });

describe('pause', () => {
  it('resumes all processes if they do not freeze in time', () => {
    create();
    let waitedMs = 0;
    const stubborn: Runtime = {
      ...runtime,
      binding: {
        ...machine.binding,
        readTextIfThere: path =>
          path.endsWith('/cgroup.events') ? 'populated 1\nfrozen 0\n' : machine.binding.readTextIfThere(path),
        sleepMs: milliseconds => {
          waitedMs += milliseconds;
        },
      },
    };
    expect(thrown(() => pauseContainer(stubborn, 'c'))).toMatchObject({
      code: 'state.not-frozen',
      path: cgroup(),
    });
    expect(readFileSync(join(cgroup(), 'cgroup.freeze'), 'utf8').trim()).toBe('0');
    expect(waitedMs).toBeGreaterThanOrEqual(10_000);
    expect(containerState(runtime, 'c').status).toBe('created');
  });

  it('and resume only change the freezer', () => {
    create();
    machine.calls.length = 0;
    pauseContainer(runtime, 'c');
    expect(containerState(runtime, 'c').status).toBe('paused');
    resumeContainer(runtime, 'c');
    expect(containerState(runtime, 'c').status).toBe('created');
    expect(new Set(machine.calls)).toEqual(new Set([`writeText ${cgroup()}/cgroup.freeze`]));
  });

  it('is refused for a container without a cgroup', () => {
    create();
    const path = join(machine.root, 'c/state.json');
    const record = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify({ ...record, cgroup: undefined, members: undefined }));
    expect(thrown(() => pauseContainer(runtime, 'c'))['code']).toBe('state.no-cgroup');
  });
});

describe('watching a container', () => {
  const kills = (count: number) =>
    writeFileSync(join(cgroup(), 'memory.events'), `low 0\nmax 9\noom 3\noom_kill ${count}\n`);

  it('reports every kill once, also one that ends the container, and none from before', () => {
    create();
    kills(2);
    const types: ContainerEvent['type'][] = [];
    machine.changes = ['time', 'changed', 'changed', 'changed', 'ended'];
    const steps = [() => {}, () => {}, () => kills(3), () => {}, () => kills(4)];
    const binding = machine.binding;
    const watched: Runtime = {
      ...runtime,
      binding: {
        ...binding,
        awaitChange: (...values) => {
          steps.shift()?.();
          return binding.awaitChange(...values);
        },
      },
    };
    watchContainer(watched, 'c', 5000, ({ type }) => types.push(type));
    expect(types).toEqual(['stats', 'oom', 'oom']);
  });

  it.each([
    ['cpu io memory\n', []],
    ['cpu io\n', ['the cgroup of the container has no controller memory: its numbers are 0']],
  ])('warns once of missing controllers, after the first report: %j', (controllers, warnings) => {
    create();
    writeFileSync(join(cgroup(), 'cgroup.controllers'), controllers);
    machine.changes = ['time', 'changed', 'time', 'ended'];
    const before: number[] = [];
    watchContainer(runtime, 'c', 5000, () => before.push(machine.warnings.length));
    expect(before).toEqual([0, warnings.length]);
    expect(machine.warnings).toEqual(warnings);
  });

  it('waits no longer than an interval, and ends if it cannot watch any more', () => {
    create();
    machine.changes = ['time', 'time'];
    const waits: number[] = [];
    const binding = machine.binding;
    const awaitChange: typeof binding.awaitChange = (watch, pidfd, ms) => {
      waits.push(ms);
      return binding.awaitChange(watch, pidfd, ms);
    };
    const broken = new Error('EPIPE');
    const watched = { ...runtime, binding: { ...binding, awaitChange } };
    expect(() =>
      watchContainer(watched, 'c', 700, () => {
        if (waits.length === 2) throw broken;
      }),
    ).toThrow(broken);
    expect(waits).toHaveLength(2);
    expect(waits.filter(ms => ms < 0 || ms > 700)).toEqual([]);
  });
});

describe('device rules that the kernel refuses', () => {
  const replace = (binding = machine.binding): void => {
    const filter = loadDeviceFilter(binding, runtime.log, [], '/x', { replace: true });
    try {
      filter.attach(cgroup());
    } finally {
      filter.close();
    }
  };

  it('are reported with the log of its verifier', () => {
    create();
    machine.trouble.set('loadDeviceProgram', () => {
      throw Object.assign(new Error('bpf'), { syscall: 'bpf', errno: 22, path: 'unreachable insn 3' });
    });
    expect(thrown(replace)).toMatchObject({
      code: 'host.syscall',
      syscall: 'bpf',
      errnoName: 'EINVAL',
      value: 'unreachable insn 3',
      pointer: '/x',
    });
    machine.trouble.set('attachDeviceProgram', 1);
    expect(thrown(replace)).toMatchObject({ errnoName: 'EPERM', message: expect.stringContaining(cgroup()) });
  });

  it('are a warning for a runtime in a user namespace, and an error for others', () => {
    create();
    machine.trouble.set('loadDeviceProgram', 1);
    expect(thrown(replace)).toMatchObject({ errnoName: 'EPERM' });
    const readTextIfThere = (path: string): string | undefined =>
      path === '/proc/self/uid_map' ? '         0       1000          1\n' : undefined;
    machine.trouble.set('loadDeviceProgram', 1);
    replace({ ...machine.binding, readTextIfThere });
    expect(machine.warnings).toHaveLength(1);
    expect(machine.calls.at(-1)).toBe('loadDeviceProgram');
  });
});

describe('the usage of a container', () => {
  it.each([
    ['cpu io memory pids\n', []],
    ['cpu memory\n', ['the cgroup of the container has no controller io: its numbers are 0']],
    ['hugetlb\n', ['the cgroup of the container has no controllers memory and io: its numbers are 0']],
    ['\n', ['the cgroup of the container has no controllers memory and io: its numbers are 0']],
  ])('includes a warning of missing controllers: %j', (controllers, warnings) => {
    create();
    writeFileSync(join(cgroup(), 'cgroup.controllers'), controllers);
    warnOfUncounted(runtime, 'c');
    expect(machine.warnings).toEqual(warnings);
  });
});
