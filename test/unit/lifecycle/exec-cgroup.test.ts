// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import { hostFailure } from '../../../src/errors/system.ts';
import { inCgroup } from '../../../src/lifecycle/exec-cgroup.ts';
import type { ContainerRecord } from '../../../src/lifecycle/record.ts';
import { type FakeMachine, machineForEachTest, thrown } from '../../helpers/fake-machine.ts';
import { hostContext } from '../../helpers/host-context.ts';

let machine: FakeMachine;
let own: string;
machineForEachTest(made => {
  machine = made;
  own = join(machine.cgroups, 'web');
  mkdirSync(own);
  mkdirSync(join(machine.root, 'web'), { recursive: true });
});

const init = { pid: 77, startTime: 1 };
const record = (): ContainerRecord =>
  hostContext(machine.runtime, { record: { cgroup: { root: machine.cgroups, path: own, made: [own] } } })
    .record;
/** The cgroups of the attempts. The first one fails with `refusal`. */
function attempts(refusal?: number, requested?: string, of: ContainerRecord = record()) {
  const tried: (string | undefined)[] = [];
  inCgroup(machine.runtime, of, init, machine.cgroups, requested, cgroup => {
    tried.push(cgroup);
    if (refusal !== undefined && tried.length === 1) {
      throw hostFailure({ syscall: 'clone3', errno: refusal }, 'unable to spawn the init');
    }
  });
  return tried;
}

describe('an executed process', () => {
  it('is cloned in the cgroup of the container', () => {
    expect(attempts()).toEqual([own]);
    const { cgroup: _, ...without } = record();
    expect(attempts(undefined, undefined, without)).toEqual([undefined]);
  });

  it('is cloned in the cgroup of the init if that of the container has controllers for its children', () => {
    machine.procFiles.set('/proc/77/cgroup', '0::/web/init.scope\n');
    expect(attempts(errno.EBUSY)).toEqual([own, `${own}/init.scope`]);
  });

  it('is cloned in the cgroup of the init if that of the container was removed', () => {
    machine.procFiles.set('/proc/77/cgroup', '0::/other\n');
    machine.binding.rmdir(own);
    expect(attempts()).toEqual([join(machine.cgroups, 'other')]);
  });

  it('is cloned in a requested cgroup below that of the container, and in no other', () => {
    expect(attempts(undefined, 'workers')).toEqual([`${own}/workers`]);
    expect(attempts(undefined, '/')).toEqual([own]);
    expect(thrown(() => attempts(undefined, '../x'))['message']).toBe(
      "bad sub cgroup path: ../x: it is not below the container's",
    );
    expect(thrown(() => attempts(undefined, 'cpu:x'))).toMatchObject({
      code: 'usage.cgroup',
      message: 'bad sub cgroup path: cpu:x: only cgroup version 1 has controllers in the path',
    });
  });
});

describe('a user who may not move processes into the cgroup', () => {
  const config = (text: string): void => writeFileSync(join(machine.root, 'web/config.json'), text);
  const asUser = (): void => {
    machine.euid = 1000;
  };

  it('executes in the cgroup of the caller, with a warning', () => {
    asUser();
    config('{"linux":{"resources":{"devices":[]}}}');
    expect(attempts(errno.EACCES)).toEqual([own, undefined]);
    expect(machine.warnings).toEqual([
      `unable to join the cgroup ${own}: permission denied: the process stays in the cgroup of its caller`,
    ]);
  });

  it('is refused if the container has limits', () => {
    asUser();
    config('{"linux":{"resources":{"pids":{"limit":7}}}}');
    expect(thrown(() => attempts(errno.EACCES))).toMatchObject({
      message: `unable to start container process: unable to join the cgroup ${own}: permission denied`,
      path: own,
    });
    expect(machine.warnings).toEqual([]);
  });

  it('is refused as root, and with another error', () => {
    config('{}');
    expect(thrown(() => attempts(errno.EACCES))).toMatchObject({ errno: errno.EACCES });
    asUser();
    expect(thrown(() => attempts(errno.ENOMEM))).toMatchObject({ errno: errno.ENOMEM });
  });
});
