// SPDX-License-Identifier: Apache-2.0
import {
  existsSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import type { ContainerRecord } from '../../../src/lifecycle/record.ts';
import type { Runtime } from '../../../src/lifecycle/runtime.ts';
import {
  claim,
  hold,
  isHeld,
  readRecord,
  removeState,
  type StateLock,
  writeRecord,
} from '../../../src/lifecycle/store.ts';
import { type FakeMachine, machineForEachTest, refused, thrown } from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
let runtime: Runtime;
machineForEachTest(made => {
  machine = made;
  runtime = machine.runtime;
});

const record: ContainerRecord = {
  version: 1,
  id: 'web',
  bundle: '/b',
  rootfs: '/b/rootfs',
  created: '2024-01-01T00:00:00Z',
  sharedPidNamespace: false,
  init: { pid: 7, startTime: 8 },
};

describe('the store', () => {
  it('creates a private root and a searchable container directory', () => {
    const held = claim(runtime, 'web');
    expect(statSync(machine.root).mode & 0o7777).toBe(0o700);
    expect(statSync(held.directory).mode & 0o7777).toBe(0o711);
    held.release();
  });

  it('refuses a used id, and does not change its container', () => {
    claim(runtime, 'web').release();
    expect(thrown(() => claim(runtime, 'web'))).toMatchObject({
      code: 'state.exists',
      message: 'container with given ID already exists',
    });
    expect(existsSync(join(machine.root, 'web'))).toBe(true);
  });

  it('undoes nothing if a delete came between the directory and its lock', () => {
    machine.trouble.set('lock', () => rmSync(join(machine.root, 'web'), { recursive: true }));
    expect(thrown(() => claim(runtime, 'web'))).toMatchObject({ code: 'state.busy' });
    expect(machine.calls.filter(call => call.startsWith('rmdir'))).toEqual([]);
  });

  it('allows one command at a time to lock a container', () => {
    const held = claim(runtime, 'web');
    expect(isHeld(runtime, 'web')).toBe(true);
    expect(thrown(() => hold(runtime, 'web', 0))).toMatchObject({ code: 'state.busy' });
    held.release();
    held.release();
    expect(isHeld(runtime, 'web')).toBe(false);
    expect(machine.openLocks).toBe(0);
  });

  it('has no lock without a container', () => {
    expect(hold(runtime, 'none')).toBeUndefined();
    expect(isHeld(runtime, 'none')).toBe(false);
  });

  it('returns the written record, which only the owner may read', () => {
    claim(runtime, 'web').release();
    writeRecord(runtime, record);
    expect(statSync(join(machine.root, 'web/state.json')).mode & 0o777).toBe(0o600);
    expect(readRecord(runtime, 'web')).toEqual(record);
  });

  it.each(['', '{', 'null', '[]', '{"version":2,"id":"web"}'])('reports that %j is damaged', text => {
    claim(runtime, 'web').release();
    writeFileSync(join(machine.root, 'web/state.json'), text);
    expect(thrown(() => readRecord(runtime, 'web'))).toMatchObject({ code: 'state.damaged' });
  });

  it('reports a directory and a loop of links in the place of the record as damaged', () => {
    claim(runtime, 'web').release();
    const path = join(machine.root, 'web/state.json');
    mkdirSync(path);
    expect(thrown(() => readRecord(runtime, 'web'))).toMatchObject({
      code: 'state.damaged',
      message: `the state file ${path} is damaged: it is not a file with a text: is a directory`,
    });
    rmdirSync(path);
    symlinkSync('state.json', path);
    expect(thrown(() => readRecord(runtime, 'web'))).toMatchObject({ code: 'state.damaged' });
  });

  it('reports no damage while a delete removes the directory, and while a create has not locked it', () => {
    const directory = join(machine.root, 'web');
    const { lock } = machine.binding;
    mkdirSync(directory, { recursive: true });
    Object.assign(machine.binding, {
      lock: () => {
        rmdirSync(directory);
        throw refused('flock', errno.ENOENT);
      },
    });
    expect(thrown(() => readRecord(runtime, 'web'))).toMatchObject({ code: 'state.not-found' });
    Object.assign(machine.binding, { lock });
    mkdirSync(directory);
    let held: StateLock | undefined;
    Object.assign(machine.binding, {
      sleepMs: () => {
        held ??= hold(runtime, 'web');
      },
    });
    expect(thrown(() => readRecord(runtime, 'web'))).toMatchObject({ code: 'state.not-found' });
    held?.release();
    expect(thrown(() => readRecord(runtime, 'web'))).toMatchObject({ code: 'state.damaged' });
  });

  it('names the version of a later record and what to do', () => {
    claim(runtime, 'web').release();
    writeFileSync(join(machine.root, 'web/state.json'), '{"version":3,"init":"other"}');
    expect(thrown(() => readRecord(runtime, 'web'))).toMatchObject({
      code: 'state.newer-version',
      message: expect.stringContaining('/version is 3: this program reads versions 1 and 2'),
      hint: expect.stringContaining('use that version'),
    });
  });

  it('reports an unknown container', () => {
    expect(thrown(() => readRecord(runtime, 'web'))).toMatchObject({
      code: 'state.not-found',
      message: `container does not exist: "web" in ${machine.root}`,
    });
  });

  it.each(['open', 'flock', 'fstat'])('removes a directory whose %s fails, which frees the id', call => {
    const { open, lock } = machine.binding;
    const fail = () => {
      throw refused(call, errno.EMFILE);
    };
    Object.assign(machine.binding, call === 'open' ? { open: fail } : { lock: fail });
    const { errnoName, cleanup } = thrown(() => claim(runtime, 'web'));
    expect([errnoName, cleanup]).toEqual(['EMFILE', undefined]);
    expect(readdirSync(machine.root)).toEqual([]);
    Object.assign(machine.binding, { open, lock });
    claim(runtime, 'web').release();
    expect(machine.openLocks).toBe(0);
  });

  it('keeps files that another create has written to the unlocked directory', () => {
    const fail = () => {
      writeRecord(runtime, record);
      throw refused('open', errno.EMFILE);
    };
    const { open } = machine.binding;
    Object.assign(machine.binding, { open: fail });
    expect(thrown(() => claim(runtime, 'web'))).toMatchObject({
      errnoName: 'EMFILE',
      cleanup: [expect.stringContaining('the state directory')],
    });
    Object.assign(machine.binding, { open });
    expect(readRecord(runtime, 'web')).toEqual(record);
  });

  it('removes all files of a container directory, including temporary ones', () => {
    const held = claim(runtime, 'web');
    writeFileSync(join(held.directory, '.state.json.x'), '');
    mkdirSync(join(held.directory, 'notify'));
    writeFileSync(join(held.directory, 'notify/sock'), '');
    removeState(runtime, held);
    expect(readdirSync(machine.root)).toEqual([]);
    expect(machine.openLocks).toBe(0);
  });
});
