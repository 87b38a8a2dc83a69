// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import type { UpperLayer } from '../../../src/lifecycle/record.ts';
import { claimUpper, releaseUpper } from '../../../src/lifecycle/upper-layer.ts';
import {
  type FakeMachine,
  type FakeProcess,
  machineForEachTest,
  refused,
  thrown,
} from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
});

const place = (name: string) => join(machine.directory, name);
const marker = () => place('work/work/incompat/volatile');
const request = (change: object = {}) => ({
  path: place('upper'),
  work: place('work'),
  volatile: false,
  origin: '/mounts/0/options/1',
  ...change,
});

const bootId = '/proc/sys/kernel/random/boot_id';
beforeEach(() => {
  machine.procFiles.set(bootId, 'boot-1\n');
  mkdirSync(place('upper'));
  mkdirSync(place('work'));
});

/** Claims the layer for a container and writes its record, like `create`. */
function claim(id: string, change: object = {}, init?: FakeProcess): UpperLayer | undefined {
  let claimed: UpperLayer | undefined;
  claimUpper(machine.runtime, id, request(change), upper => {
    claimed = upper;
    mkdirSync(join(machine.root, id), { recursive: true });
    const record = {
      version: 2,
      id,
      bundle: '/b',
      rootfs: '/b/rootfs',
      created: '',
      sharedPidNamespace: false,
      upper,
      ...(init !== undefined && { init: { pid: init.pid, startTime: init.startTime } }),
    };
    writeFileSync(join(machine.root, id, 'state.json'), JSON.stringify(record));
  });
  return claimed;
}

function mark(): void {
  mkdirSync(marker(), { recursive: true });
}

const identity = (name: string) => {
  const { dev, ino } = statSync(place(name));
  return `${dev}:${ino}`;
};

describe('an upper layer', () => {
  it('is in the record of its container, by the identity of its directories', () => {
    expect(claim('c1', {}, machine.addProcess())).toEqual({
      path: place('upper'),
      work: place('work'),
      id: identity('upper'),
      workId: identity('work'),
    });
    expect(machine.openLocks).toBe(0);
  });

  it.each([
    ['upperdir', { work: 'other' }],
    ['workdir', { path: 'other' }],
    ['upperdir under another name', { path: 'upper/../link', work: 'other' }],
  ])('is refused while another container has its %s', (_, change) => {
    mkdirSync(place('other'));
    symlinkSync(place('upper'), place('link'));
    claim('c1', {}, machine.addProcess());
    const places = Object.fromEntries(Object.entries(change).map(([key, name]) => [key, place(name)]));
    expect(thrown(() => claim('c2', places))).toMatchObject({
      code: 'state.layer-in-use',
      pointer: '/mounts/0/options/1',
      value: 'c1',
      hint: expect.stringContaining('tsubo delete --force c1'),
    });
    expect(existsSync(join(machine.root, 'c2'))).toBe(false);
    expect(machine.openLocks).toBe(0);
  });

  it('is free after its container has ended, and while only a container with other layers runs', () => {
    const init = machine.addProcess();
    claim('c1', {}, init);
    mkdirSync(place('upper2'));
    mkdirSync(place('work2'));
    claim('c2', { path: place('upper2'), work: place('work2') }, machine.addProcess());
    machine.signal(init, 9);
    expect(claim('c3')?.id).toBe(identity('upper'));
  });

  it('of a container that is being created is in use once its create has ended', () => {
    claim('c1');
    const init = machine.addProcess();
    // The record is read a second time: the first may be older than the end of the create.
    const file = join(machine.root, 'c1/state.json');
    const before = readFileSync(file, 'utf8');
    const { readText } = machine.binding;
    let reads = 0;
    const whole = JSON.stringify({
      ...JSON.parse(before),
      init: { pid: init.pid, startTime: init.startTime },
    });
    machine.binding.readTextIfThere = path => {
      if (path === file) return ++reads === 1 ? before : whole;
      try {
        return readText(path);
      } catch {
        return undefined;
      }
    };
    expect(thrown(() => claim('c2'))).toMatchObject({ code: 'state.layer-in-use', value: 'c1' });
    expect(reads).toBe(2);
  });

  it('is found in a record that only the reader of whole records can read, and not in a damaged one', () => {
    claim('c1', {}, machine.addProcess());
    const file = join(machine.root, 'c1/state.json');
    const text = readFileSync(file, 'utf8').replace('"/b"', '"/\\u0062"');
    writeFileSync(file, text);
    expect(thrown(() => claim('c2'))).toMatchObject({ code: 'state.layer-in-use', value: 'c1' });
    writeFileSync(file, text.slice(1));
    expect(claim('c2')?.id).toBe(identity('upper'));
  });

  it('is recorded without a layer if a directory is missing: the init reports that', () => {
    rmSync(place('work'), { recursive: true });
    expect(claim('c1')).toBeUndefined();
    expect(existsSync(join(machine.root, 'c1/state.json'))).toBe(true);
  });

  it('is busy while another create claims it, and needs no lock if it may not be opened', () => {
    const fd = machine.binding.open(place('upper'), 0, 0);
    machine.binding.lock(fd, 0);
    expect(thrown(() => claim('c1'))).toMatchObject({
      code: 'state.busy',
      pointer: '/mounts/0/options/1',
      path: place('upper'),
    });
    machine.binding.close(fd);
    machine.binding.open = path => {
      throw refused('open', errno.EACCES, path);
    };
    expect(claim('c1')?.id).toBe(identity('upper'));
  });

  it('is not recorded if it cannot be opened for another reason', () => {
    machine.binding.open = path => {
      throw refused('open', errno.EMFILE, path);
    };
    expect(thrown(() => claim('c1'))).toMatchObject({ code: 'host.syscall', path: place('upper') });
    expect(existsSync(join(machine.root, 'c1'))).toBe(false);
  });
});

describe('a volatile upper layer', () => {
  it('is refused if it was not written in this boot by a container of this root', () => {
    mark();
    const unsynced = { code: 'state.layer-unsynced', pointer: '/mounts/0/options/1', path: marker() };
    expect(thrown(() => claim('c1'))).toMatchObject(unsynced);
    const init = machine.addProcess();
    rmSync(marker(), { recursive: true });
    claim('c1', { volatile: true }, init);
    machine.signal(init, 9);
    mark();
    machine.procFiles.set(bootId, 'boot-2\n');
    expect(thrown(() => claim('c2', { volatile: true }))).toMatchObject(unsynced);
    expect(existsSync(marker())).toBe(true);
    machine.procFiles.set(bootId, 'boot-1\n');
    expect(claim('c2', { volatile: true })).toMatchObject({ bootId: 'boot-1' });
    expect(existsSync(marker())).toBe(false);
  });

  it('loses the marker of the kernel at the end of its container', () => {
    const upper = claim('c1', { volatile: true });
    mark();
    releaseUpper(machine.runtime, 'c1', upper);
    expect(existsSync(marker())).toBe(false);
  });

  it('keeps the marker after a reboot, and for the next container that has it', () => {
    const init = machine.addProcess();
    const upper = claim('c1', { volatile: true }, init);
    mark();
    machine.procFiles.set(bootId, 'boot-2\n');
    releaseUpper(machine.runtime, 'c1', upper);
    expect(existsSync(marker())).toBe(true);
    machine.procFiles.set(bootId, 'boot-1\n');
    machine.signal(init, 9);
    claim('c2', { volatile: true }, machine.addProcess());
    mark();
    releaseUpper(machine.runtime, 'c1', upper);
    expect(existsSync(marker())).toBe(true);
  });

  it('keeps the marker while another create has the lock', () => {
    const upper = claim('c1', { volatile: true });
    mark();
    const fd = machine.binding.open(place('upper'), 0, 0);
    machine.binding.lock(fd, 0);
    releaseUpper(machine.runtime, 'c1', upper);
    expect(existsSync(marker())).toBe(true);
    machine.binding.close(fd);
    releaseUpper(machine.runtime, 'c1', upper);
    expect(existsSync(marker())).toBe(false);
  });

  it('is refused if only a container with another workdir has written it in this boot', () => {
    mkdirSync(place('other'));
    const init = machine.addProcess();
    claim('c1', { volatile: true, work: place('other') }, init);
    machine.signal(init, 9);
    mark();
    expect(thrown(() => claim('c2', { volatile: true }))).toMatchObject({ code: 'state.layer-unsynced' });
    expect(existsSync(marker())).toBe(true);
  });

  it('that is synced has no marker to remove', () => {
    const upper = claim('c1');
    mark();
    releaseUpper(machine.runtime, 'c1', upper);
    releaseUpper(machine.runtime, 'c2', undefined);
    expect(existsSync(marker())).toBe(true);
  });
});
