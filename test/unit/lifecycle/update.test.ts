// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import type { Runtime } from '../../../src/lifecycle/runtime.ts';
import { updateContainer, updateFromDocument } from '../../../src/lifecycle/update.ts';
import { type FakeMachine, machineForEachTest, refused, thrown } from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
let runtime: Runtime;
machineForEachTest(made => {
  machine = made;
  runtime = machine.runtime;
});

const inCgroup = (file: string): string => join(machine.cgroups, 'web', file);
const value = (file: string): string => readFileSync(inCgroup(file), 'utf8');
const stored = (): unknown => JSON.parse(readFileSync(join(machine.root, 'web/resources.json'), 'utf8'));

/** A running container with these resources. */
function running(resources: object, files: Readonly<Record<string, string>>): void {
  mkdirSync(join(machine.cgroups, 'web'));
  writeFileSync(join(machine.cgroups, 'cgroup.controllers'), 'cpu memory pids io\n');
  writeFileSync(join(machine.cgroups, 'cgroup.subtree_control'), 'cpu memory pids io\n');
  for (const [file, text] of Object.entries(files)) writeFileSync(inCgroup(file), text);
  const init = machine.addProcess({ cgroup: join(machine.cgroups, 'web') });
  const state = join(machine.root, 'web');
  mkdirSync(state, { recursive: true });
  const cgroup = { root: machine.cgroups, path: join(machine.cgroups, 'web'), made: [] };
  const record = {
    version: 1,
    id: 'web',
    bundle: '/b',
    rootfs: '/b/rootfs',
    created: '',
    sharedPidNamespace: false,
    cgroup,
    init: { pid: init.pid, startTime: init.startTime },
  };
  writeFileSync(join(state, 'state.json'), JSON.stringify(record));
  writeFileSync(join(state, 'config.json'), JSON.stringify({ linux: { resources } }));
}

const files = {
  'cpu.max': 'max 100000\n',
  'memory.max': 'max\n',
  'pids.max': 'max\n',
  'memory.current': '5000\n',
};

describe('update', () => {
  it('writes the given values, and stores them for the next update', () => {
    running({ cpu: { quota: 50000, period: 100000 }, pids: { limit: 20 } }, files);
    updateContainer(runtime, 'web', { cpu: { period: 200000 }, memory: { limit: 9007199254740993n } });
    expect(value('cpu.max')).toContain('50000 200000');
    expect(value('memory.max')).toBe('9007199254740993');
    // Only the config requests this, and the kernel already has it.
    expect(value('pids.max')).toBe('max\n');
    updateContainer(runtime, 'web', { cpu: { quota: 70000 } });
    expect(value('cpu.max')).toContain('70000 200000');
    expect(stored()).toMatchObject({ cpu: { quota: 70000, period: 200000 } });
    expect(readFileSync(join(machine.root, 'web/resources.json'), 'utf8')).toContain('9007199254740993');
    expect(machine.openLocks).toBe(0);
  });

  it('restores all values if one is refused', () => {
    running({}, files);
    const { binding } = machine;
    const writeText: typeof binding.writeText = (path, text, flags, mode) => {
      if (path === inCgroup('cpu.max') && text.startsWith('7')) throw refused('write', errno.EINVAL, path);
      binding.writeText(path, text, flags, mode);
    };
    const requested = { cpu: { quota: 70000 }, memory: { limit: 8192 }, pids: { limit: 3 } };
    expect(
      thrown(() => updateContainer({ ...runtime, binding: { ...binding, writeText } }, 'web', requested)),
    ).toMatchObject({ code: 'host.cgroup-write', pointer: '/cpu/quota', value: '70000 100000' });
    expect(value('memory.max').startsWith('max')).toBe(true);
    expect(value('pids.max').startsWith('max')).toBe(true);
    expect(existsSync(join(machine.root, 'web/resources.json'))).toBe(false);
    expect(machine.openLocks).toBe(0);
  });

  it('refuses a limit below the usage if checkBeforeUpdate is set', () => {
    running({}, files);
    const memory = { limit: 4096, checkBeforeUpdate: true };
    expect(thrown(() => updateContainer(runtime, 'web', { memory }))).toMatchObject({
      code: 'update.usage',
      message: 'rejecting memory limit 4096 <= usage 5000',
    });
    expect(
      thrown(() => updateContainer(runtime, 'web', { memory: { ...memory, limit: 4000, swap: 4500 } })),
    ).toMatchObject({ message: 'rejecting memory+swap limit 4500 <= usage 5000' });
    updateContainer(runtime, 'web', { memory: { limit: 4096 } });
    expect(value('memory.max')).toContain('4096');
  });

  it('reads a document and reports its lines', () => {
    running({}, files);
    const file = join(machine.directory, 'limits.json');
    writeFileSync(file, '{\n "pids": { "limit": 9 }, "devices": []\n}');
    updateFromDocument(runtime, 'web', file);
    expect(value('pids.max')).toContain('9');
    expect(machine.warnings).toEqual([]);
    writeFileSync(file, '{\n "cpu": {\n "idle": 3 }\n}');
    expect(thrown(() => updateFromDocument(runtime, 'web', file))).toMatchObject({
      code: 'config.resources.cpu',
      pointer: '/cpu/idle',
      line: 3,
    });
  });

  const fuse = { allow: true, type: 'c', major: 10, minor: 229, access: 'rwm' };

  it('replaces different device rules, and keeps equal ones', () => {
    const devices = [{ allow: false, access: 'rwm' }];
    running({ devices }, files);
    updateContainer(runtime, 'web', { devices, pids: { limit: 9 } });
    expect(machine.calls).not.toContain('loadDeviceProgram');
    updateContainer(runtime, 'web', { devices: [...devices, fuse] });
    expect(machine.calls.filter(call => call.includes('DeviceProgram'))).toHaveLength(2);
    expect(stored()).toMatchObject({ devices: [...devices, fuse] });
    updateContainer(runtime, 'web', { devices: [...devices, fuse] });
    expect(machine.calls.filter(call => call.includes('DeviceProgram'))).toHaveLength(2);
  });

  it('restores the limits if the device rules are refused', () => {
    running({}, files);
    machine.trouble.set('attachDeviceProgram', errno.E2BIG);
    const requested = { pids: { limit: 9 }, devices: [fuse] };
    expect(thrown(() => updateContainer(runtime, 'web', requested))).toMatchObject({
      code: 'host.syscall',
      pointer: '/devices',
      errnoName: 'E2BIG',
    });
    expect(value('pids.max').startsWith('max')).toBe(true);
    expect(
      thrown(() => updateContainer(runtime, 'web', { devices: [{ allow: true, type: 'c' }] })),
    ).toMatchObject({ code: 'config.resources.device-access', pointer: '/devices/0' });
  });

  it('is refused for a stopped container', () => {
    running({}, files);
    for (const process of machine.processes.values()) process.state = 'Z';
    expect(thrown(() => updateContainer(runtime, 'web', {}))).toMatchObject({
      code: 'state.not-running',
      message: 'container not running',
    });
    rmSync(join(machine.root, 'web'), { recursive: true });
    expect(thrown(() => updateContainer(runtime, 'web', {}))).toMatchObject({ code: 'state.not-found' });
  });
});
