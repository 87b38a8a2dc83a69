// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { createContainer } from '../../../src/lifecycle/create.ts';
import { containerProcesses, processTable } from '../../../src/lifecycle/ps.ts';
import type { InitRecord } from '../../../src/lifecycle/record.ts';
import { type FakeMachine, machineForEachTest, thrown, writeBundle } from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
let init: InitRecord;
let cgroup: string;
machineForEachTest(made => {
  machine = made;
  const container = createContainer(machine.runtime, {
    id: 'web',
    bundle: writeBundle(join(machine.directory, 'bundle')),
  });
  init = container.init;
  machine.binding.close(container.pidfd);
  cgroup = join(machine.cgroups, 'web');
});
beforeEach(() => {
  const bin = join(machine.directory, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'ps'), '', { mode: 0o755 });
  machine.environment.set('PATH', bin);
});

const ps = (stdout: string, options: readonly string[] = []): string => {
  machine.hookEnds = [{ stdout }];
  return processTable(machine.runtime, 'web', options);
};

it('the processes are those of the cgroup that the runtime can see, in ascending order', () => {
  const { pid } = machine.addProcess({ cgroup });
  const { pid: lowest } = machine.addProcess({ cgroup, pid: 50 });
  machine.addProcess({ cgroup, pid: 0 });
  expect(containerProcesses(machine.runtime, 'web')).toEqual([lowest, init.pid, pid]);
});

it('a running container whose cgroup was removed is a failure, and a stopped one has no processes', () => {
  const own = machine.processes.get(init.pid);
  machine.processes.clear();
  machine.binding.rmdir(cgroup);
  expect(containerProcesses(machine.runtime, 'web')).toEqual([]);
  machine.addProcess({ pid: init.pid, startTime: own?.startTime ?? 0 });
  expect(thrown(() => containerProcesses(machine.runtime, 'web'))).toMatchObject({
    code: 'state.cgroup-gone',
  });
});

it('the table has the heading and the lines of these processes', () => {
  const table = `UID   PID CMD\nroot ${init.pid} sh\nroot 1 init\n`;
  expect(ps(table)).toBe(`UID   PID CMD\nroot ${init.pid} sh\n`);
  expect(machine.hooks[0]?.args).toEqual(['ps', '-ef']);
  ps(table, ['-o', 'user,pid']);
  expect(machine.hooks[1]?.args).toEqual(['ps', '-o', 'user,pid']);
});

it.each([
  ['UID CMD\nroot sh\n', "couldn't find PID field in ps output"],
  ['CMD PID\nsleep 5 7\n', undefined],
  ['CMD PID\nsleep x 7\n', 'unable to parse pid: "x" is not a number'],
])(
  'the pids are in the column of the heading PID, and a table without readable pids is refused: %j',
  (table, message) => {
    if (message === undefined) expect(ps(table)).toBe('CMD PID\n');
    else expect(thrown(() => ps(table))).toMatchObject({ code: 'host.ps', message });
  },
);

it('a failure of ps has its output, and a missing ps is named', () => {
  machine.hookEnds = [{ code: 1, stderr: 'error: unknown option\n' }];
  expect(thrown(() => processTable(machine.runtime, 'web', ['-Z!']))).toMatchObject({
    code: 'host.ps',
    message: 'exit status 1: error: unknown option',
    value: '-Z!',
  });
  machine.environment.set('PATH', '/nowhere');
  expect(thrown(() => processTable(machine.runtime, 'web', []))).toMatchObject({
    code: 'host.ps',
    message: 'exec: "ps": executable file not found in $PATH',
  });
});
