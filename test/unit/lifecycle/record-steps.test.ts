// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HostContext } from '../../../src/lifecycle/host-context.ts';
import { prepare } from '../../../src/lifecycle/prepare.ts';
import { makeState, saveInit, saveRecord } from '../../../src/lifecycle/record-steps.ts';
import { readRecord } from '../../../src/lifecycle/store.ts';
import type { HostStepOf } from '../../../src/plan/plan.ts';
import {
  type FakeConfig,
  type FakeMachine,
  machineForEachTest,
  thrown,
  writeBundle,
} from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
});

/** A container in its state directory, before its record. */
function begin(change: (config: FakeConfig) => void = () => {}): HostContext {
  const bundle = writeBundle(join(machine.directory, 'bundle'), change);
  const prepared = prepare(machine.runtime, { id: 'web', bundle });
  const context = new HostContext({
    runtime: machine.runtime,
    plan: prepared.plan,
    config: prepared.config,
    console: {},
    container: { id: 'web', prepared, noNewKeyring: false },
    subject: { id: 'web', bundle, status: () => 'creating' },
  });
  makeState.apply([{ op: 'makeState', when: 'before', origin: '' }], context);
  return context;
}
const save = (context: HostContext, more: Partial<HostStepOf<'saveRecord'>> = {}): void =>
  saveRecord.apply([{ op: 'saveRecord', when: 'before', sharesMounts: false, origin: '', ...more }], context);
const directory = () => join(machine.root, 'web');
const record = () => readRecord(machine.runtime, 'web');

describe('the first record', () => {
  it('has the container without an init, beside a copy of config.json', () => {
    const context = begin(config => {
      config.linux.namespaces = [{ type: 'mount' }, { type: 'pid', path: '' }];
    });
    save(context);
    expect(record()).toMatchObject({
      id: 'web',
      bundle: join(machine.directory, 'bundle'),
      rootfs: join(machine.directory, 'bundle/rootfs'),
      created: '2023-11-14T22:13:20.12Z',
      sharedPidNamespace: false,
    });
    for (const member of ['init', 'hooks', 'noProgram', 'mountsBelow', 'cgroup']) {
      expect(record()).not.toHaveProperty(member);
    }
    expect(readFileSync(join(directory(), 'config.json'), 'utf8')).toBe(
      readFileSync(join(machine.directory, 'bundle/config.json'), 'utf8'),
    );
  });

  it('has only the hooks that later commands run', () => {
    const context = begin(config => {
      config['hooks'] = { createRuntime: [{ path: '/a' }], poststop: [{ path: '/b' }] };
    });
    save(context);
    expect(record().hooks).toEqual({ poststart: [], poststop: [{ path: '/b' }] });
  });

  it('has the shared pid namespace of a container that has none or joins one', () => {
    const context = begin(config => {
      config.linux.namespaces = [{ type: 'mount' }, { type: 'pid', path: '/proc/self/ns/pid' }];
    });
    save(context);
    expect(record().sharedPidNamespace).toBe(true);
  });

  it('has the cgroup with the parents to be made, and a populated cgroup is refused', () => {
    const context = begin();
    const path = join(machine.cgroups, 'a/web');
    save(context, { cgroup: { path, origin: '/linux/cgroupsPath' } });
    expect(record().cgroup).toMatchObject({ path, made: [join(machine.cgroups, 'a'), path] });
    mkdirSync(path, { recursive: true });
    machine.addProcess({ cgroup: path });
    const unit = { path: '/a/web', origin: '/linux/cgroupsPath', unit: 'tsubo-web.scope' };
    expect(thrown(() => save(context, { cgroup: unit }))).toMatchObject({
      code: 'state.cgroup-not-empty',
      pointer: '/linux/cgroupsPath',
    });
  });
});

it('the state directory is removed if a later step fails, and the poststop hooks run after that', () => {
  const context = begin(config => {
    config['hooks'] = { poststop: [{ path: '/h/poststop' }] };
  });
  save(context);
  machine.calls.length = 0;
  expect(context.undo.rollback()).toEqual([]);
  expect(existsSync(directory())).toBe(false);
  expect(machine.calls.at(-1)).toBe('runHook /h/poststop');
  expect(machine.openLocks).toBe(0);
});

it('the second record has the init with its start time', () => {
  const context = begin();
  save(context);
  const { pid, startTime } = machine.addProcess();
  context.cloned({ pid, pidfd: 2, channel: 3 });
  const step = { op: 'saveInit', when: 'ready', origin: '' } as const;
  expect(thrown(() => saveInit.apply([step], context))).toMatchObject({ code: 'internal' });
  context.startTime = startTime;
  saveInit.apply([step], context);
  expect(record().init).toEqual({ pid, startTime });
});
