// SPDX-License-Identifier: Apache-2.0
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { createContainer } from '../../../src/lifecycle/create.ts';
import { type ExecProcessOptions, execProcess } from '../../../src/lifecycle/exec-process.ts';
import { type FakeMachine, machineForEachTest, thrown, writeBundle } from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
});
beforeEach(() => {
  const bundle = writeBundle(join(machine.directory, 'bundle'), config => {
    config.process['user'] = { uid: 5, gid: 6, additionalGids: [7] };
    config.process['capabilities'] = { bounding: ['CAP_KILL'], inheritable: [] };
    config.process['cwd'] = '/home';
  });
  createContainer(machine.runtime, { id: 'c', bundle });
});

const exec = (options: ExecProcessOptions) => execProcess(machine.runtime, 'c', options);
const file = (name: string) => join(machine.root, 'c', name);

describe('the process of exec', () => {
  it('is the process of the container with the program of the call', () => {
    const { process } = exec({ args: ['ls'] });
    expect(process).toMatchObject({
      args: ['ls'],
      cwd: '/home',
      env: ['SECRET=x'],
      terminal: false,
      user: { uid: 5, gid: 6, additionalGids: [7] },
    });
  });

  it('has the changes of the options, named by the options in errors', () => {
    const { process, origin, source } = exec({
      args: ['ls'],
      cwd: '/tmp',
      env: ['A=1'],
      uid: 9,
      additionalGids: [8],
      capabilities: ['cap_chown'],
      noNewPrivileges: true,
    });
    expect(process).toMatchObject({
      cwd: '/tmp',
      env: ['SECRET=x', 'A=1'],
      user: { uid: 9, gid: 6, additionalGids: [7, 8] },
      noNewPrivileges: true,
      capabilities: {
        bounding: ['CAP_KILL', 'CAP_CHOWN'],
        effective: ['CAP_CHOWN'],
        permitted: ['CAP_CHOWN'],
        inheritable: [],
        ambient: ['CAP_CHOWN'],
      },
    });
    expect([origin('cwd'), origin('args', 0), origin('env')]).toEqual(['options.cwd', '', '/process/env']);
    expect(source('options.cwd')).toEqual({ option: 'options.cwd' });
  });

  it('gets no ambient capability without an inheritable set', () => {
    writeFileSync(
      file('exec.json'),
      JSON.stringify({
        version: 2,
        inherited: {
          process: { user: { uid: 0, gid: 0 }, args: ['sh'], cwd: '/', capabilities: {} },
          linux: {},
        },
        afterReady: { first: 0, steps: [] },
      }),
    );
    expect(exec({ args: ['ls'], capabilities: ['CAP_CHOWN'] }).process.capabilities).toEqual({
      bounding: ['CAP_CHOWN'],
      effective: ['CAP_CHOWN'],
      permitted: ['CAP_CHOWN'],
    });
  });

  it('comes from config.json as of create if its data is not stored', () => {
    rmSync(file('exec.json'));
    expect(exec({ args: ['ls'] }).process).toMatchObject({ cwd: '/home', user: { uid: 5 } });
    writeFileSync(file('config.json'), '{"ociVersion":"1.0.2"}');
    expect(thrown(() => exec({ args: ['ls'] }))).toMatchObject({
      code: 'config.process.required',
      message: 'cannot exec in container c: its config.json has no process',
    });
  });

  it('with a wrong value of an option is refused by the name of the option', () => {
    const problem = thrown(() => exec({ args: ['ls'], cwd: 'relative' }));
    expect(problem).toMatchObject({ code: 'config.process.cwd', document: 'options.cwd' });
  });
});

describe('a process document', () => {
  const document = (process: object): string => {
    const path = join(machine.directory, 'process.json');
    writeFileSync(path, JSON.stringify(process, undefined, 2));
    return path;
  };

  it('inherits what it does not have, and its own properties have pointers', () => {
    const path = document({ args: ['id'], cwd: '/', user: { uid: 1, gid: 1 } });
    const { process, origin, source } = exec({ process: path, cwd: '/ignored' });
    expect(process).toMatchObject({ args: ['id'], cwd: '/', user: { uid: 1 } });
    expect([origin('args', 0), origin('capabilities')]).toEqual(['/args/0', '']);
    expect(source('/args/0')).toMatchObject({ document: 'process.json of the caller' });
    expect(source('/linux/seccomp')).not.toHaveProperty('document');
  });

  it('with a mistake is refused with the line in it', () => {
    const path = document({ args: ['id'], cwd: 'relative', user: { uid: 1, gid: 1 } });
    expect(thrown(() => exec({ process: path }))).toMatchObject({
      code: 'config.process.cwd',
      pointer: '/cwd',
      document: 'process.json of the caller',
      line: 5,
    });
  });
});
