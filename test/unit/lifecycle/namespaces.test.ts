// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import { openDirectory, openNamespace, writeTimeOffsets } from '../../../src/lifecycle/namespaces.ts';
import { namespaceFlags } from '../../../src/oci/namespaces.ts';
import { type FakeMachine, machineForEachTest, thrown } from '../../helpers/fake-machine.ts';
import { hostContext } from '../../helpers/host-context.ts';

let machine: FakeMachine;
let path: string;
let closed: number[];
machineForEachTest(made => {
  machine = made;
  path = join(machine.directory, 'ns');
  writeFileSync(path, '');
});
beforeEach(() => {
  closed = [];
  const { close } = machine.binding;
  machine.binding.close = fd => {
    closed.push(fd);
    close(fd);
  };
});

describe('a namespace to join', () => {
  const open = (slot: number, kind: number | undefined, at = path) => {
    machine.binding.namespaceKind = () => kind;
    const context = hostContext(machine.runtime);
    const fields = { when: 'before', path: at, kind: namespaceFlags.uts, slot } as const;
    openNamespace.apply([{ op: 'openNamespace', ...fields, origin: '/linux/namespaces/0/path' }], context);
    return context;
  };

  it('is passed to the init in its slot, and closed after the clone', () => {
    const context = open(3, namespaceFlags.uts);
    const fd = context.slots.get(3) ?? -1;
    expect(fd).toBeGreaterThan(0);
    expect(context.cloneIn).toEqual([]);
    context.closeHanded();
    expect(closed).toEqual([fd]);
  });

  it('with slot 0 is one that the init is cloned in', () => {
    const context = open(0, namespaceFlags.uts);
    expect(context.slots.size).toBe(0);
    expect(context.cloneIn.map(({ step }) => step.path)).toEqual([path]);
    context.closeHanded();
  });

  it('must be a namespace of its type, and the file is closed if it is not', () => {
    expect(thrown(() => open(1, undefined))).toMatchObject({
      code: 'config.namespace.not-a-namespace',
      message: `${path} is not a namespace`,
      pointer: '/linux/namespaces/0/path',
    });
    expect(thrown(() => open(1, namespaceFlags.network))).toMatchObject({
      code: 'config.namespace.wrong-type',
      message: `${path} is a namespace of type network, not uts`,
      value: 'network',
    });
    expect(closed).toHaveLength(2);
  });

  it('that does not exist is at its path in config.json', () => {
    expect(thrown(() => open(1, undefined, '/nowhere'))).toMatchObject({
      message: 'unable to open the uts namespace /nowhere: no such file or directory',
      pointer: '/linux/namespaces/0/path',
      path: '/nowhere',
    });
  });
});

it('a directory is passed to the init in its slot', () => {
  const directory = join(machine.directory, 'root');
  mkdirSync(directory);
  const context = hostContext(machine.runtime);
  const step = { op: 'openDirectory', when: 'before', slot: 2, origin: '' } as const;
  openDirectory.apply([{ ...step, path: directory }], context);
  expect(context.slots.get(2)).toBeGreaterThan(0);
  context.closeHanded();
  expect(thrown(() => openDirectory.apply([{ ...step, path: '/nowhere' }], context))).toMatchObject({
    message: 'unable to open /nowhere: no such file or directory',
  });
});

describe('the offsets of a time namespace', () => {
  const write = (offsets: string) => {
    const { pid } = machine.addProcess({ pid: 77 });
    const context = hostContext(machine.runtime, { pid, at: ['timeOffsets', undefined] });
    const step = { op: 'writeTimeOffsets', when: 'timeOffsets', offsets } as const;
    writeTimeOffsets.apply([{ ...step, origin: '/linux/namespaces/4' }], context);
    return context;
  };

  it('are written before the init receives the namespace', () => {
    const context = write('monotonic 5 0\n');
    expect(machine.procWrites).toEqual([['/proc/77/timens_offsets', 'monotonic 5 0\n']]);
    expect(machine.openInProc).toEqual(['/proc/77/ns/time_for_children']);
    context.leaveSyncPoint();
    expect(machine.openInProc).toEqual([]);
  });

  it('are not written if there are none', () => {
    const context = write('');
    expect(machine.procWrites).toEqual([]);
    expect(context.at.given).toHaveLength(1);
  });

  it('that the kernel refuses are at the namespace', () => {
    machine.trouble.set('writeText', errno.ERANGE);
    expect(thrown(() => write('monotonic -5 0\nboottime 1 0\n'))).toMatchObject({
      pointer: '/linux/namespaces/4',
      value: 'monotonic -5 0, boottime 1 0',
    });
  });
});
