// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import { type CreateOptions, createContainer } from '../../../src/lifecycle/create.ts';
import { deleteContainer } from '../../../src/lifecycle/delete.ts';
import { readExecData } from '../../../src/lifecycle/exec-data.ts';
import { runContainer } from '../../../src/lifecycle/run.ts';
import type { Runtime } from '../../../src/lifecycle/runtime.ts';
import { startContainer } from '../../../src/lifecycle/start.ts';
import { containerState } from '../../../src/lifecycle/state.ts';
import type { Step } from '../../../src/wire/steps.ts';
import { decodePlan } from '../../helpers/decode-plan.ts';
import { type FakeMachine, machineForEachTest, thrown, writeBundle } from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
let runtime: Runtime;
let options: CreateOptions;
machineForEachTest(made => {
  machine = made;
  runtime = machine.runtime;
  options = { id: 'c', bundle: writeBundle(join(machine.directory, 'bundle')) };
});

const cgroup = () => join(machine.cgroups, 'c');
const stateFiles = () => readdirSync(join(machine.root, 'c')).sort();

function expectNothingLeft(): void {
  expect(existsSync(cgroup())).toBe(false);
  expect(existsSync(machine.root) ? readdirSync(machine.root) : []).toEqual([]);
  expect(machine.processes.size).toBe(0);
  expect([machine.openLocks, machine.openPidfds]).toEqual([0, 0]);
}

describe('create', () => {
  it('writes the record before anything that delete must remove', () => {
    createContainer(runtime, { ...options, pidFile: 'pid' });
    const name = (call: string) => call.replace(/^(\w+) .*\//, '$1 ');
    expect(machine.calls.map(name)).toEqual([
      'mkdir state',
      'mkdir c',
      'lock',
      'replaceText state.json',
      'writeText config.json',
      'mkdir c',
      'makeFullFifo exec.fifo',
      'spawn',
      'loadDeviceProgram',
      'writeText exec.json',
      'awaitReport',
      'attachDeviceProgram c',
      'replaceText state.json',
      'replaceText pid',
      'resume',
    ]);
  });

  it('leaves the state, the original config, the FIFO of start, and an init in its cgroup', () => {
    const { init } = createContainer(runtime, options);
    expect(stateFiles()).toEqual(['config.json', 'exec.fifo', 'exec.json', 'state.json']);
    expect(readFileSync(join(machine.root, 'c/config.json'), 'utf8')).toBe(
      readFileSync(join(options.bundle, 'config.json'), 'utf8'),
    );
    expect(machine.processes.get(init.pid)?.cgroup).toBe(cgroup());
    expect(machine.spawned[0]).toMatchObject({ pidNamespace: -1, preserveFds: 0 });
    expect(machine.spawned[0]?.fds).toHaveLength(1);
    expect(machine.openLocks).toBe(0);
  });

  it('writes the pid file without a newline, relative to the working directory', () => {
    const { init } = createContainer(runtime, { ...options, pidFile: 'web.pid' });
    expect(readFileSync(join(machine.directory, 'web.pid'), 'utf8')).toBe(String(init.pid));
  });

  it('omits the environment from the record', () => {
    createContainer(runtime, options);
    expect(readFileSync(join(machine.root, 'c/state.json'), 'utf8')).not.toContain('SECRET');
  });

  it('refuses a bad id before it reads the bundle', () => {
    expect(thrown(() => createContainer(runtime, { id: '..', bundle: '/nonexistent' }))).toMatchObject({
      code: 'state.bad-id',
    });
  });

  it('reports the line of a problem in config.json, and creates nothing', () => {
    writeBundle(options.bundle, config => {
      config.process['cwd'] = 7;
    });
    const error = thrown(() => createContainer(runtime, options));
    expect(error).toMatchObject({ pointer: '/process/cwd', line: expect.any(Number) });
    const lines = readFileSync(join(options.bundle, 'config.json'), 'utf8').split('\n');
    expect(lines[(error['line'] as number) - 1]).toContain('"cwd": 7');
    expectNothingLeft();
  });

  it('does not change an existing container with the id', () => {
    createContainer(runtime, options);
    expect(thrown(() => createContainer(runtime, options))).toMatchObject({ code: 'state.exists' });
    expect(containerState(runtime, 'c').status).toBe('created');
  });

  it.each([
    ['replaceText', 'host.syscall'],
    ['writeText', 'host.syscall'],
    ['spawn', 'host.syscall'],
    ['awaitReport', 'host.syscall'],
    ['resume', 'host.syscall'],
  ])('leaves no traces when %s fails', (call, code) => {
    machine.trouble.set(call, errno.EPERM);
    const error = thrown(() => createContainer(runtime, { ...options, pidFile: 'pid' }));
    expect(error).toMatchObject({ code, errnoName: 'EPERM' });
    expect(error['cleanup']).toBeUndefined();
    expect(existsSync(join(machine.directory, 'pid'))).toBe(false);
    expectNothingLeft();
  });

  it('maps a report of the init to the place in config.json', () => {
    const bundle = writeBundle(join(machine.directory, 'named'), config => {
      config.linux.namespaces.push({ type: 'uts' });
      config['hostname'] = 'web';
    });
    let step = -1;
    machine.trouble.set('awaitReport', () => {
      step = decodePlan(machine.spawned[0]?.plan ?? new Uint8Array()).findIndex(
        ({ op }) => op === 'setHostname',
      );
      machine.reports = [{ kind: 'failed', step, syscall: 'sethostname', errno: errno.EPERM }];
    });
    const error = thrown(() => createContainer(runtime, { ...options, bundle }));
    const lines = readFileSync(join(bundle, 'config.json'), 'utf8').split('\n');
    expect(error).toMatchObject({
      stage: 'container',
      step,
      errnoName: 'EPERM',
      pointer: '/hostname',
      line: lines.findIndex(line => line.includes('"hostname"')) + 1,
    });
    expect(error['message']).toMatch(/^unable to start container process: error during container init: /);
    expectNothingLeft();
  });

  it('reports that the init was killed', () => {
    machine.trouble.set('awaitReport', () => {
      for (const process of machine.processes.values()) machine.signal(process, 9);
      machine.reports = [{ kind: 'ended' }];
    });
    expect(thrown(() => createContainer(runtime, options))).toMatchObject({
      code: 'container.ended',
      value: 'killed by SIGKILL',
    });
    expectNothingLeft();
  });

  it('reports failed undo steps after the first failure', () => {
    machine.trouble.set('spawn', () => {
      machine.trouble.set('rmdir', errno.EPERM);
      throw Object.assign(new Error('clone3'), { syscall: 'clone3', errno: errno.ENOSPC });
    });
    const error = thrown(() => createContainer(runtime, options));
    expect(error).toMatchObject({ syscall: 'clone3', errnoName: 'ENOSPC' });
    expect(error['cleanup']).toEqual([expect.stringContaining(cgroup())]);
  });

  it('refuses a namespace path that is not a namespace', () => {
    const path = join(machine.directory, 'file');
    writeFileSync(path, '');
    writeBundle(options.bundle, config => config.linux.namespaces.push({ type: 'network', path }));
    expect(thrown(() => createContainer(runtime, options))).toMatchObject({
      code: 'config.namespace.not-a-namespace',
      pointer: '/linux/namespaces/2/path',
      path,
    });
    expectNothingLeft();
  });

  it('requires every descriptor that it must preserve', () => {
    machine.passedFds.add(3);
    expect(thrown(() => createContainer(runtime, { ...options, preserveFds: 2 }))).toMatchObject({
      code: 'usage.preserve-fds',
      message: 'unable to stat preserved-fd 4 (--preserve-fds 2 passes 3 to 4)',
    });
    machine.passedFds.add(4);
    createContainer(runtime, { ...options, preserveFds: 2 });
    expect(machine.spawned[0]?.preserveFds).toBe(2);
  });

  it('preserves the descriptors of a service manager only if they are addressed to the runtime', () => {
    machine.passedFds.add(3);
    machine.environment.set('LISTEN_FDS', '1');
    machine.environment.set('LISTEN_PID', '1');
    createContainer(runtime, options);
    machine.environment.set('LISTEN_PID', '4242');
    createContainer(runtime, { ...options, id: 'd' });
    expect(machine.spawned.map(({ preserveFds }) => preserveFds)).toEqual([0, 1]);
  });
});

describe('a killed create', () => {
  /** Runs create until the call, then drops the state of the process. */
  function killedAt(call: string): void {
    machine.trouble.set(call, () => {
      throw new Error('SIGKILL');
    });
    const { rmdir, removeTree } = machine.binding;
    Object.assign(machine.binding, { rmdir: () => {}, removeTree: () => {}, pidfdSignal: () => false });
    try {
      createContainer(runtime, options);
    } catch {
      // The failure itself does not matter.
    }
    Object.assign(machine.binding, { rmdir, removeTree });
    for (const process of machine.processes.values()) process.state = 'Z';
  }

  it.each(['lock', 'replaceText', 'writeText', 'makeFullFifo', 'spawn', 'awaitReport', 'resume'])(
    'at %s leaves no traces after delete --force',
    call => {
      killedAt(call);
      expect(existsSync(join(machine.root, 'c'))).toBe(true);
      deleteContainer(runtime, 'c', { force: true });
      for (const pid of machine.processes.keys()) machine.binding.reap(pid);
      expect(existsSync(cgroup())).toBe(false);
      expect(readdirSync(machine.root)).toEqual([]);
    },
  );
});

describe('start', () => {
  it('refuses a container of a version whose init waits in another way, and delete removes it', () => {
    createContainer(runtime, options);
    const path = join(machine.root, 'c/state.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"version":2', '"version":1'));
    machine.calls.length = 0;
    expect(thrown(() => startContainer(runtime, 'c'))).toMatchObject({ code: 'state.older-version' });
    expect(machine.calls).not.toContain('release');
    expect(containerState(runtime, 'c').status).toBe('created');
    deleteContainer(runtime, 'c');
    expect(readdirSync(machine.root)).toEqual([]);
  });

  it('removes its FIFO', () => {
    createContainer(runtime, options);
    startContainer(runtime, 'c');
    expect(stateFiles()).toEqual(['config.json', 'exec.json', 'state.json']);
  });

  it('reports the program in config.json if the kernel cannot execute it', () => {
    createContainer(runtime, options);
    const { first, steps } = readExecData(runtime, 'c')?.afterReady ?? { first: 0, steps: [] };
    machine.releaseReport = {
      kind: 'failed',
      step: first + steps.findIndex(kept => (kept as Step).op === 'execute'),
      syscall: 'execve',
      errno: errno.ENOEXEC,
      detail: '/bin/true',
    };
    expect(thrown(() => startContainer(runtime, 'c'))).toMatchObject({
      pointer: '/process/args/0',
      errnoName: 'ENOEXEC',
      line: expect.any(Number),
    });
    expect(stateFiles()).toEqual(['config.json', 'exec.json', 'state.json']);
  });
});

describe('start of a container whose init has ended', () => {
  it('reports that it has stopped', () => {
    createContainer(runtime, options);
    machine.releaseReport = { kind: 'ended' };
    expect(thrown(() => startContainer(runtime, 'c'))).toMatchObject({ code: 'state.not-created' });
  });
});

describe('run', () => {
  it('catches signals first, waits, deletes, and returns the exit status', () => {
    machine.exit = { code: 3 };
    expect(runContainer(runtime, options)).toBe(3);
    expect(machine.calls[0]).toBe('catchSignals');
    expectNothingLeft();
  });

  it('returns 128 and the signal', () => {
    machine.exit = { signal: 15 };
    expect(runContainer(runtime, options)).toBe(143);
  });

  it('does not change a new container with the same id', () => {
    const { waitForeground } = machine.binding;
    machine.binding.waitForeground = (...values) => {
      const status = waitForeground(...values);
      deleteContainer(runtime, 'c', { force: true });
      createContainer(runtime, options);
      return status;
    };
    expect(runContainer(runtime, options)).toBe(0);
    expect(containerState(runtime, 'c').status).toBe('created');
  });

  it('keeps the stopped container with --keep', () => {
    runContainer(runtime, { ...options, keep: true });
    expect(containerState(runtime, 'c').status).toBe('stopped');
  });

  it('returns at once with --detach', () => {
    expect(runContainer(runtime, { ...options, detach: true })).toBe(0);
    expect(containerState(runtime, 'c').status).toBe('running');
    expect(machine.calls).not.toContain('waitForeground');
    expect(machine.calls).not.toContain('catchSignals');
    expect(machine.openPidfds).toBe(0);
  });

  it('leaves no traces if the program cannot be executed, also with --keep', () => {
    machine.reports = [
      { kind: 'ready' },
      { kind: 'failed', step: 0, syscall: 'execve', errno: errno.ENOEXEC },
    ];
    expect(thrown(() => runContainer(runtime, { ...options, keep: true }))).toMatchObject({
      errnoName: 'ENOEXEC',
    });
    expectNothingLeft();
  });
});

it('creates the cgroup of config.json, and removes a parent that it created', () => {
  mkdirSync(join(machine.cgroups, 'pods'));
  writeBundle(options.bundle, config => {
    config.linux.cgroupsPath = '/pods/one/web';
  });
  createContainer(runtime, options);
  expect(statSync(join(machine.cgroups, 'pods/one/web')).isDirectory()).toBe(true);
  deleteContainer(runtime, 'c');
  expect(readdirSync(join(machine.cgroups, 'pods')).filter(name => !name.startsWith('cgroup.'))).toEqual([]);
});
