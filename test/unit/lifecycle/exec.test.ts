// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import { createContainer } from '../../../src/lifecycle/create.ts';
import { type ExecOptions, execInContainer } from '../../../src/lifecycle/exec.ts';
import type { InitRecord } from '../../../src/lifecycle/record.ts';
import { namespaceFlags } from '../../../src/oci/namespaces.ts';
import { decodePlan } from '../../helpers/decode-plan.ts';
import { type FakeMachine, machineForEachTest, thrown, writeBundle } from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
let init: InitRecord;
machineForEachTest(made => {
  machine = made;
  const bundle = writeBundle(join(machine.directory, 'bundle'), config => {
    config.process['cwd'] = '/home';
  });
  const container = createContainer(machine.runtime, { id: 'c', bundle });
  init = container.init;
  machine.binding.close(container.pidfd);
  machine.calls.length = 0;
  machine.spawned.length = 0;
});

const cgroup = () => join(machine.cgroups, 'c');
const exec = (options: ExecOptions = {}) =>
  execInContainer(machine.runtime, 'c', { args: ['ls', '-l'], ...options });
const plan = () => decodePlan(machine.spawned[0]?.plan ?? new Uint8Array());
const step = (op: string) => plan().find(one => one.op === op);
const writeProcess = (document: object): string => {
  const path = join(machine.directory, 'process.json');
  writeFileSync(path, JSON.stringify(document, undefined, 2));
  return path;
};

/** Only the init is left, and the runtime has no descriptor of it. */
function expectOnlyTheInit(): void {
  expect([...machine.processes.keys()]).toEqual([init.pid]);
  expect([machine.openPidfds, machine.openLocks]).toEqual([0, 0]);
}

describe('exec in the foreground', () => {
  it('catches signals before the clone, waits, and returns the exit status of the program', () => {
    machine.exit = { code: 3 };
    expect(exec()).toBe(3);
    expect(machine.calls).toEqual([
      'catchSignals',
      'spawn',
      'awaitReport',
      'resume',
      'awaitReport',
      'waitForeground',
    ]);
    expectOnlyTheInit();
  });

  it('returns 128 and the signal that ended the program', () => {
    machine.exit = { signal: 9 };
    expect(exec()).toBe(137);
  });
});

describe('an executed process', () => {
  it('has the program of the call, and everything else of the container', () => {
    exec({ env: ['ADDED=1'] });
    expect(step('execute')).toMatchObject({ args: ['ls', '-l'] });
    expect(step('execute')?.['env']).toEqual(expect.arrayContaining(['SECRET=x', 'ADDED=1']));
    expect(step('changeDirectory')).toMatchObject({ path: '/home' });
    expect(plan().map(({ op }) => op)).not.toContain('awaitStart');
  });

  it('is cloned in the cgroup and in those namespaces of the init that the runtime is not in', () => {
    machine.foreignNamespaces.add('mnt').add('pid');
    exec({ detach: true });
    const [request] = machine.spawned;
    expect(request?.joinKinds).toBe(namespaceFlags.mount | namespaceFlags.pid);
    expect(request?.joins).toHaveLength(1);
    const spawned = [...machine.processes.values()].find(({ pid }) => pid !== init.pid);
    expect(spawned?.cgroup).toBe(cgroup());
  });

  it('enters the root of the init if no mount namespace leads to it', () => {
    exec({ detach: true });
    expect(plan().map(({ op }) => op)).toContain('changeRoot');
    expect(machine.openInProc).toEqual([]);
  });

  it('joins a time namespace itself, because a helper that shares memory cannot', () => {
    machine.foreignNamespaces.add('time').add('mnt');
    machine.binding.namespaceKind = () => namespaceFlags.time;
    exec({ detach: true });
    expect(machine.spawned[0]?.joinKinds).toBe(namespaceFlags.mount);
    expect(plan()[0]).toMatchObject({ op: 'joinNamespace', kind: BigInt(namespaceFlags.time) });
  });

  it('has its pid in the pid file, and outlives a detached exec', () => {
    expect(exec({ detach: true, pidFile: 'pid' })).toBe(0);
    const pid = Number(readFileSync(join(machine.directory, 'pid'), 'utf8'));
    expect([...machine.processes.keys()].sort()).toEqual([init.pid, pid].sort());
    expect(machine.calls).not.toContain('catchSignals');
    expect(machine.openPidfds).toBe(0);
  });

  it('starts on the CPUs of execCPUAffinity.initial, and the runtime returns to its own', () => {
    const process = {
      args: ['ls'],
      cwd: '/',
      user: { uid: 0, gid: 0 },
      execCPUAffinity: { initial: '1', final: '2' },
    };
    exec({ process: writeProcess(process), detach: true });
    const calls = machine.calls.filter(call => /^(setAffinity|spawn)/.test(call));
    expect(calls).toEqual(['setAffinity 2 0 0 0 0 0 0 0', 'spawn', 'setAffinity 3']);
    expect(step('setAffinity')).toMatchObject({ cpus: [4n] });
  });
});

describe('exec refuses', () => {
  it('a paused container, unless ignorePaused is set', () => {
    writeFileSync(join(cgroup(), 'cgroup.freeze'), '1\n');
    expect(thrown(() => exec())).toMatchObject({
      code: 'state.not-running',
      message: 'cannot exec in a paused container (use --ignore-paused to override)',
    });
    expect(machine.spawned).toHaveLength(0);
    exec({ ignorePaused: true, detach: true });
    expect(machine.spawned).toHaveLength(1);
  });

  it('a stopped container', () => {
    for (const process of machine.processes.values()) process.state = 'Z';
    expect(thrown(() => exec())).toMatchObject({ code: 'state.not-running' });
  });

  it('a mistake in the document of the process, at its place there', () => {
    const path = writeProcess({ args: ['ls'], cwd: 7, user: { uid: 0, gid: 0 } });
    expect(thrown(() => exec({ process: path }))).toMatchObject({
      pointer: '/cwd',
      document: 'process.json of the caller',
      line: 5,
    });
    expect(machine.spawned).toHaveLength(0);
  });
});

describe('a failed exec', () => {
  it('is explained at the option that requested it, and leaves no process', () => {
    machine.trouble.set('awaitReport', () => {
      const at = plan().findIndex(({ op }) => op === 'changeDirectory');
      machine.reports = [
        { kind: 'failed', step: at, syscall: 'chdir', errno: errno.ENOENT, detail: '/none' },
      ];
    });
    const error = thrown(() => exec({ cwd: '/none', detach: true }));
    expect(error).toMatchObject({ code: 'container.cwd', errnoName: 'ENOENT', document: 'options.cwd' });
    expect(error).not.toHaveProperty('pointer');
    expectOnlyTheInit();
  });

  it('is explained by the end of the container if that has stopped meanwhile', () => {
    machine.trouble.set('spawn', () => {
      for (const process of machine.processes.values()) process.state = 'Z';
      throw Object.assign(new Error('x'), { syscall: 'setns', errno: errno.ESRCH });
    });
    expect(thrown(() => exec({ detach: true }))).toMatchObject({
      code: 'state.not-running',
      message: 'cannot exec in a stopped container',
    });
    expect(machine.openPidfds).toBe(0);
  });
});
