// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { delegateCgroup } from '../../../src/cgroup/delegate.ts';
import { makeCgroup, planCgroup } from '../../../src/cgroup/directory.ts';
import { isFrozen, isPaused } from '../../../src/cgroup/freezer.ts';
import { killProcesses, processesOf, signalAll } from '../../../src/cgroup/processes.ts';
import { removeCgroup } from '../../../src/cgroup/remove.ts';
import { errno } from '../../../src/errors/errno.ts';
import { type FakeMachine, machineForEachTest, refused, thrown } from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
});

const origin = '/linux/cgroupsPath';
const make = (path: string) => {
  const place = planCgroup(machine.binding, machine.cgroups, join(machine.cgroups, path), origin);
  makeCgroup(machine.binding, place, origin);
  return place;
};

describe('making a cgroup', () => {
  it('creates every missing parent and records exactly those', () => {
    mkdirSync(join(machine.cgroups, 'pods'));
    const place = make('pods/one/web');
    expect(place.made).toEqual([join(machine.cgroups, 'pods/one'), join(machine.cgroups, 'pods/one/web')]);
    expect(existsSync(place.path)).toBe(true);
  });

  it('accepts an existing empty cgroup', () => {
    mkdirSync(join(machine.cgroups, 'web'));
    expect(make('web').made).toEqual([]);
  });

  it('refuses a cgroup with a process in it or below', () => {
    mkdirSync(join(machine.cgroups, 'web/inner'), { recursive: true });
    machine.addProcess({ cgroup: join(machine.cgroups, 'web/inner') });
    expect(thrown(() => make('web'))).toMatchObject({
      code: 'state.cgroup-not-empty',
      pointer: origin,
      message: "container's cgroup is not empty: 1 process(es) found",
    });
  });

  it('refuses a frozen cgroup', () => {
    mkdirSync(join(machine.cgroups, 'web'));
    writeFileSync(join(machine.cgroups, 'web/cgroup.freeze'), '1\n');
    expect(thrown(() => make('web'))).toMatchObject({
      code: 'state.cgroup-frozen',
      message: "container's cgroup unexpectedly frozen",
    });
  });

  it('refuses a name that is too long, with the place of the path', () => {
    const path = join(machine.cgroups, 'x'.repeat(300));
    const tooLong = () => {
      throw refused('stat', errno.ENAMETOOLONG, path);
    };
    const binding = Object.assign(Object.create(machine.binding), { stat: tooLong });
    expect(thrown(() => planCgroup(binding, machine.cgroups, path, origin))).toMatchObject({
      code: 'host.syscall',
      errnoName: 'ENAMETOOLONG',
      pointer: origin,
    });
  });

  it('refuses the root of the hierarchy', () => {
    const work = () => planCgroup(machine.binding, machine.cgroups, machine.cgroups, origin);
    expect(thrown(work)).toMatchObject({ code: 'config.cgroups-path', pointer: origin });
  });

  it('recreates a parent that a concurrent delete removed', () => {
    const place = planCgroup(machine.binding, machine.cgroups, join(machine.cgroups, 'pods/web'), origin);
    let mkdirs = 0;
    machine.trouble.set('mkdir', () => {
      mkdirs++;
      machine.trouble.set('mkdir', () => {
        mkdirs++;
        rmSync(join(machine.cgroups, 'pods'), { recursive: true });
      });
    });
    makeCgroup(machine.binding, place, origin);
    expect(mkdirs).toBe(2);
    expect(existsSync(place.path)).toBe(true);
  });

  it.each(['threaded', 'domain invalid'])('refuses a cgroup in "%s" mode', mode => {
    mkdirSync(join(machine.cgroups, 'pods/web'), { recursive: true });
    writeFileSync(join(machine.cgroups, 'pods/web/cgroup.type'), `${mode}\n`);
    expect(thrown(() => make('pods/web'))).toMatchObject({
      code: 'state.cgroup-threaded',
      pointer: origin,
      message: expect.stringContaining(`it is in "${mode}" mode`),
    });
  });

  it('reports the error of the kernel', () => {
    machine.trouble.set('mkdir', errno.EROFS);
    expect(thrown(() => make('web'))).toMatchObject({
      code: 'host.syscall',
      syscall: 'mkdir',
      errnoName: 'EROFS',
      pointer: origin,
    });
  });
});

describe('delegating a cgroup', () => {
  const path = () => join(machine.cgroups, 'web');
  const owners = (list: string | undefined): string[] => {
    const place = make('web');
    writeFileSync(join(path(), 'memory.oom.group'), '0\n');
    const { binding } = machine;
    const readTextIfThere = (at: string) =>
      at === '/sys/kernel/cgroup/delegate' ? list : binding.readTextIfThere(at);
    delegateCgroup({ ...binding, readTextIfThere }, place.path, 1000, '/mounts/3');
    return machine.calls.filter(call => call.startsWith('chown')).map(call => call.slice(path().length + 6));
  };

  it('changes the owner of the directory and of the listed files that exist', () => {
    expect(owners('cgroup.procs\nmemory.oom.group\nmemory.reclaim\n')).toEqual([
      ' 1000 4294967295',
      '/cgroup.procs 1000 4294967295',
      '/memory.oom.group 1000 4294967295',
      '/memory.reclaim 1000 4294967295',
    ]);
  });

  it('uses a built-in list on older kernels', () => {
    expect(owners(undefined)).toHaveLength(4);
  });
});

describe('removing a cgroup', () => {
  it('removes nested cgroups and the recorded parents, and no others', () => {
    mkdirSync(join(machine.cgroups, 'pods'));
    const place = make('pods/one/web');
    mkdirSync(join(place.path, 'memory.current.d/deep'), { recursive: true });
    removeCgroup(machine.binding, place, 'kill');
    expect(existsSync(join(machine.cgroups, 'pods/one'))).toBe(false);
    expect(existsSync(join(machine.cgroups, 'pods'))).toBe(true);
  });

  it('keeps a parent that another program uses', () => {
    const place = make('pods/web');
    make('pods/other');
    removeCgroup(machine.binding, place, 'kill');
    expect(existsSync(place.path)).toBe(false);
    expect(existsSync(join(machine.cgroups, 'pods/other'))).toBe(true);
  });

  it('kills remaining processes', () => {
    const place = make('web');
    const left = machine.addProcess({ cgroup: place.path });
    removeCgroup(machine.binding, place, 'kill');
    expect(left.signals).toEqual([9]);
    expect(existsSync(place.path)).toBe(false);
  });

  it('keeps the processes of other programs and their cgroup', () => {
    const place = make('web');
    const foreign = machine.addProcess({ cgroup: place.path });
    removeCgroup(machine.binding, place, 'spare');
    expect(foreign.signals).toEqual([]);
    expect(existsSync(place.path)).toBe(true);
  });

  it('retries on EBUSY', () => {
    const place = make('web');
    let refusals = 0;
    const refuse = () => {
      if (++refusals < 3) machine.trouble.set('rmdir', refuse);
      throw refused('rmdir', errno.EBUSY, place.path);
    };
    machine.trouble.set('rmdir', refuse);
    removeCgroup(machine.binding, place, 'kill');
    expect(refusals).toBe(3);
    expect(existsSync(place.path)).toBe(false);
  });

  it('accepts a cgroup that is already removed', () => {
    const place = make('pods/web');
    rmSync(place.path, { recursive: true });
    removeCgroup(machine.binding, place, 'kill');
    expect(existsSync(join(machine.cgroups, 'pods'))).toBe(false);
  });

  it('never changes the root', () => {
    const place = { root: machine.cgroups, path: machine.cgroups, made: [] };
    expect(thrown(() => removeCgroup(machine.binding, place, 'kill'))).toMatchObject({ code: 'internal' });
  });
});

describe('processes of a cgroup', () => {
  it('are those in it and below', () => {
    const { path } = make('web');
    mkdirSync(join(path, 'inner'));
    const one = machine.addProcess({ cgroup: path });
    const two = machine.addProcess({ cgroup: join(path, 'inner') });
    expect(processesOf(machine.binding, path)).toEqual([one.pid, two.pid]);
  });

  it('are an empty list without a cgroup', () => {
    expect(processesOf(machine.binding, join(machine.cgroups, 'none'))).toEqual([]);
    expect(signalAll(machine.binding, join(machine.cgroups, 'none'))).toBe(false);
  });

  it('are reported if they do not end', () => {
    const { path } = make('web');
    machine.addProcess({ cgroup: path, stubborn: true });
    expect(thrown(() => killProcesses(machine.binding, path, 10))).toMatchObject({
      code: 'state.cgroup-not-empty',
      path,
    });
  });

  it('are killed individually if the kernel has no cgroup.kill', () => {
    const { path } = make('web');
    const left = machine.addProcess({ cgroup: path });
    machine.trouble.set('writeText', errno.ENOENT);
    expect(signalAll(machine.binding, path)).toBe(true);
    expect(left.signals).toEqual([9]);
    expect(machine.openPidfds).toBe(0);
  });
});

it('distinguishes paused (this cgroup) from frozen (any ancestor)', () => {
  const { path } = make('web');
  expect([isFrozen(machine.binding, path), isPaused(machine.binding, path)]).toEqual([false, false]);
  writeFileSync(join(path, 'cgroup.freeze'), '1\n');
  expect([isFrozen(machine.binding, path), isPaused(machine.binding, path)]).toEqual([true, true]);
  expect(isPaused(machine.binding, join(machine.cgroups, 'none'))).toBe(false);
});
