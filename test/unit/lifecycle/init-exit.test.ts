// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import { RuntimeError } from '../../../src/errors/error.ts';
import { initExitError, orOutOfMemory } from '../../../src/lifecycle/init-exit.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { type FakeMachine, machineForEachTest } from '../../helpers/fake-machine.ts';
import { planFor } from '../../helpers/plan.ts';

let machine: FakeMachine;
let cgroup: string;
machineForEachTest(made => {
  machine = made;
  cgroup = join(machine.cgroups, 'web');
  mkdirSync(cgroup);
  writeFileSync(join(cgroup, 'memory.max'), '1048576\n');
});

const events = (text: string): void => writeFileSync(join(cgroup, 'memory.events'), text);
const filtered = planFor({ linux: { seccomp: { defaultAction: 'SCMP_ACT_ALLOW' } } });

/** The error for an init that has exited with this status. */
function exitError(status: { code?: number; signal?: number }, plan: Plan = planFor()): RuntimeError {
  const { pid } = machine.addProcess({ state: 'Z' });
  const pidfd = machine.binding.pidfdOpen(pid) as number;
  machine.binding.reap = () => status;
  return initExitError(machine.binding, plan, { pid, pidfd, channel: -1 }, cgroup);
}

describe('an init that exits without a report', () => {
  it('has its status in the message', () => {
    expect(exitError({ code: 3 })).toMatchObject({
      code: 'container.ended',
      message: 'error during container init: the init ended without a report: exit status 3',
    });
    expect(exitError({ signal: 15 }).value).toBe('killed by SIGTERM');
  });

  it.each([[{ signal: 31 }], [{ signal: 4 }], [{ signal: 5 }], [{ code: 1 }]])(
    'was ended by its filter if it has one and the status is %o',
    status => {
      expect(exitError(status, filtered).pointer).toBe('/linux/seccomp');
      expect(exitError(status).pointer).toBe(undefined);
    },
  );

  it('with a filter was not ended by it if another signal killed it', () => {
    expect(exitError({ signal: 15 }, filtered).pointer).toBe(undefined);
  });

  it('was killed by its memory limit if the kernel has counted a kill', () => {
    events('max 4\noom_kill 1\n');
    expect(exitError({ signal: 9 })).toMatchObject({
      code: 'container.out-of-memory',
      value: '1048576',
      path: join(cgroup, 'memory.max'),
    });
    expect(exitError({ signal: 15 }).code).toBe('container.ended');
    events('max 4\noom_kill 0\n');
    expect(exitError({ signal: 9 }).code).toBe('container.ended');
  });
});

describe('a refused clone or exec', () => {
  const failure = (number: number) =>
    new RuntimeError({ code: 'host.syscall', message: 'clone3', errno: number });

  it.each([[errno.ENOMEM], [errno.E2BIG]])(
    'with error %i has the memory limit as its cause if that was hit',
    number => {
      events('max 2\noom_kill 0\n');
      expect(orOutOfMemory(machine.binding, failure(number), cgroup)).toMatchObject({
        code: 'container.out-of-memory',
      });
    },
  );

  it('has another cause if the limit was not hit, or with another error', () => {
    const refusals = [failure(errno.ENOMEM), failure(errno.EPERM), new Error('x')];
    events('max 0\noom_kill 0\n');
    expect(orOutOfMemory(machine.binding, refusals[0], cgroup)).toBe(refusals[0]);
    events('max 2\noom_kill 0\n');
    expect(orOutOfMemory(machine.binding, refusals[1], cgroup)).toBe(refusals[1]);
    expect(orOutOfMemory(machine.binding, refusals[2], cgroup)).toBe(refusals[2]);
    expect(orOutOfMemory(machine.binding, refusals[0], undefined)).toBe(refusals[0]);
  });
});
