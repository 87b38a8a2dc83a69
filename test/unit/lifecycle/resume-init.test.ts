// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import { resumeInit, sendPidfd, writePidFile } from '../../../src/lifecycle/resume-init.ts';
import type { Step } from '../../../src/wire/steps.ts';
import { type FakeMachine, machineForEachTest, thrown } from '../../helpers/fake-machine.ts';
import { hostContext } from '../../helpers/host-context.ts';

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
});

describe('the pid file', () => {
  const write = (path: string) => {
    const context = hostContext(machine.runtime, { pid: 77 });
    writePidFile.apply([{ op: 'writePidFile', when: 'ready', path, origin: '' }], context);
    return context;
  };

  it('has the digits of the pid without a newline, and is removed if a later step fails', () => {
    const path = join(machine.directory, 'pid');
    const context = write(path);
    expect(readFileSync(path, 'utf8')).toBe('77');
    expect(context.undo.rollback()).toEqual([]);
    expect(existsSync(path)).toBe(false);
    expect(context.undo.rollback()).toEqual([]);
  });

  it('that cannot be written is named, and nothing is undone', () => {
    const path = join(machine.directory, 'pid');
    mkdirSync(path);
    expect(thrown(() => write(path))).toMatchObject({
      message: `unable to write the pid file ${path}: is a directory`,
    });
    expect(existsSync(path)).toBe(true);
  });
});

it('the listener of the pidfd can distinguish the init from an executed process', () => {
  const step = { op: 'sendPidfd', when: 'ready', path: '/run/pidfd', origin: '' } as const;
  const context = hostContext(machine.runtime, { pid: 77 });
  sendPidfd.apply([step], context);
  Object.assign(context.subject, { initPid: 70 });
  sendPidfd.apply([step], context);
  expect(machine.sent).toEqual([
    { path: '/run/pidfd', fd: 2, message: 'standard' },
    { path: '/run/pidfd', fd: 2, message: 'setns' },
  ]);
  machine.trouble.set('sendDescriptor', errno.ECONNREFUSED);
  expect(thrown(() => sendPidfd.apply([step], context))).toMatchObject({
    message: 'unable to send the pidfd to the socket /run/pidfd: connection refused',
    hint: 'a process must listen there, on a Unix stream socket',
  });
});

describe('an init that executes its program at once', () => {
  const execute = { op: 'execute', origin: '/process/args', args: ['sh'], env: [] } as const;
  const ready = { op: 'ready', origin: '' } as const;
  const filter = { op: 'loadSeccomp', origin: '/linux/seccomp', program: [], flags: 0 } as const;
  const resume = (...container: readonly Step[]) => {
    const { pid } = machine.addProcess({ pid: 77 });
    machine.binding.close = () => {};
    const context = hostContext(machine.runtime, { pid, container });
    resumeInit.apply([{ op: 'resumeInit', when: 'ready', origin: '' }], context);
  };
  /** The process has exited, and /proc shows this name. */
  const exited = (name: string): void => {
    machine.binding.pidfdWait = () => true;
    machine.binding.pidfdSignal = () => false;
    machine.binding.reap = () => ({ code: 1 });
    machine.procFiles.set('/proc/77/stat', `77 (${name}) Z`);
    const { readTextIfThere } = machine.binding;
    machine.binding.readTextIfThere = path => machine.procFiles.get(path) ?? readTextIfThere(path);
  };

  it('has executed it if the channel ends without a report', () => {
    machine.reports = [{ kind: 'ended' }];
    resume(ready, execute);
    expect(machine.calls).toEqual(['resume', 'awaitReport']);
  });

  it('reports a refused exec at the place in config.json', () => {
    machine.reports = [{ kind: 'failed', step: 1, syscall: 'execve', errno: errno.ENOEXEC }];
    expect(thrown(() => resume(ready, execute))).toMatchObject({
      syscall: 'execve',
      pointer: '/process/args',
    });
  });

  it('has not executed it if it exits with the name of the init after its filter was loaded', () => {
    machine.reports = [{ kind: 'ended' }];
    exited('tsubo:[init]');
    expect(thrown(() => resume(ready, filter, execute))).toMatchObject({
      code: 'container.ended',
      pointer: '/linux/seccomp',
    });
  });

  it('has executed it if the process that has exited has the name of the program', () => {
    machine.reports = [{ kind: 'ended' }];
    exited('sh');
    resume(ready, filter, execute);
    expect(machine.calls).toEqual(['resume', 'awaitReport']);
  });
});
