// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import { mapIds, mappedNamespace, requireMappings } from '../../../src/lifecycle/id-maps.ts';
import type { IDMapping } from '../../../src/oci/config.ts';
import { type FakeMachine, machineForEachTest, thrown } from '../../helpers/fake-machine.ts';
import { hostContext } from '../../helpers/host-context.ts';

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
});

const map = (containerID: number, hostID: number, size: number): IDMapping => ({ containerID, hostID, size });
const apply = (uids: IDMapping[], gids: IDMapping[]) =>
  mapIds.apply(
    [{ op: 'mapIds', when: 'mapIds', uids, gids, origin: '/linux/namespaces/0' }],
    hostContext(machine.runtime, { pid: 77 }),
  );
const asUser = () => {
  const { identity } = machine.binding;
  machine.binding.identity = () => ({ ...identity(), euid: 1000, egid: 1000 });
};
const refuseWrites = (path: string, number: number) => {
  const { writeText } = machine.binding;
  machine.binding.writeText = (at, ...rest) => {
    const first = !machine.procWrites.some(([written]) => written.endsWith('/setgroups'));
    if (at.endsWith(path) && first) {
      throw Object.assign(new Error('write'), { syscall: 'write', errno: number, path: at });
    }
    writeText(at, ...rest);
  };
};

describe('the mappings of the init', () => {
  it('are written with one write each, users before groups', () => {
    apply([map(0, 100000, 1000), map(1000, 1000, 1)], [map(0, 200000, 5)]);
    expect(machine.procWrites).toEqual([
      ['/proc/77/uid_map', '0 100000 1000\n1000 1000 1\n'],
      ['/proc/77/gid_map', '0 200000 5\n'],
    ]);
  });

  it('of the own group alone need no privilege after setgroups is denied', () => {
    asUser();
    refuseWrites('/gid_map', errno.EPERM);
    apply([map(0, 1000, 1)], [map(0, 1000, 1)]);
    expect(machine.procWrites).toEqual([
      ['/proc/77/uid_map', '0 1000 1\n'],
      ['/proc/77/setgroups', 'deny'],
      ['/proc/77/gid_map', '0 1000 1\n'],
    ]);
  });

  it('of other users are written by newuidmap', () => {
    asUser();
    const bin = join(machine.directory, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'newuidmap'), '');
    machine.environment.set('PATH', bin);
    refuseWrites('/uid_map', errno.EPERM);
    apply([map(0, 1000, 1), map(1, 100000, 65536)], [map(0, 0, 1)]);
    expect(machine.hooks).toMatchObject([
      {
        path: join(bin, 'newuidmap'),
        args: ['newuidmap', '77', '0', '1000', '1', '1', '100000', '65536'],
        env: [],
      },
    ]);
  });

  it('that newuidmap refuses are reported with its message', () => {
    asUser();
    const bin = join(machine.directory, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'newuidmap'), '');
    machine.environment.set('PATH', bin);
    machine.hookEnds = [{ code: 1, stderr: 'newuidmap: uid range [1-2) -> [5-6) not allowed\n' }];
    refuseWrites('/uid_map', errno.EPERM);
    expect(thrown(() => apply([map(0, 1000, 1), map(1, 5, 1)], []))).toMatchObject({
      code: 'host.id-mapping',
      message: 'unable to write the uid mappings: newuidmap: uid range [1-2) -> [5-6) not allowed',
      pointer: '/linux/uidMappings',
      value: '0 1000 1, 1 5 1',
    });
  });

  it('that the kernel refuses name the list in config.json', () => {
    refuseWrites('/gid_map', errno.EINVAL);
    expect(thrown(() => apply([map(0, 0, 1)], [map(0, 7, 2)]))).toMatchObject({
      errnoName: 'EINVAL',
      pointer: '/linux/gidMappings',
      value: '0 7 2',
    });
  });

  it('of an init that has exited are ignored, because its report has the cause', () => {
    refuseWrites('/uid_map', errno.ESRCH);
    apply([map(0, 0, 1)], []);
    expect(machine.procWrites).toEqual([['/proc/77/gid_map', '']]);
  });
});

describe('a user namespace for an id-mapped mount', () => {
  it('has the mappings of the mount, and no process is left in it', () => {
    const fd = mappedNamespace(
      machine.runtime,
      { uids: [map(0, 5, 1)], gids: [map(0, 6, 1)], recursive: false },
      '/mounts/2',
    );
    const pid = 100001;
    expect(machine.procWrites).toEqual([
      [`/proc/${pid}/uid_map`, '0 5 1\n'],
      [`/proc/${pid}/gid_map`, '0 6 1\n'],
    ]);
    expect(machine.openInProc).toEqual([`/proc/${pid}/ns/user`]);
    expect(machine.processes.size).toBe(0);
    machine.binding.close(fd);
    expect(machine.openInProc).toEqual([]);
  });

  it('leaves no process if the mappings are refused, and names those of the mount', () => {
    refuseWrites('/uid_map', errno.EINVAL);
    const make = () =>
      mappedNamespace(machine.runtime, { uids: [map(0, 5, 1)], recursive: false }, '/mounts/2');
    expect(thrown(make)).toMatchObject({ pointer: '/mounts/2/uidMappings', value: '0 5 1' });
    expect(machine.processes.size).toBe(0);
  });

  it('that cannot be made is reported at the mount', () => {
    machine.trouble.set('endInUserNamespace', errno.ENOSPC);
    expect(thrown(() => mappedNamespace(machine.runtime, { recursive: false }, '/mounts/2'))).toMatchObject({
      errnoName: 'ENOSPC',
      pointer: '/mounts/2',
    });
  });
});

describe('the mappings of a joined user namespace', () => {
  const require = (uids: IDMapping[], gids: IDMapping[]) =>
    requireMappings(machine.binding, 9, { uids, gids }, '/run/user-ns');
  const found = (uids: string, gids: string) => {
    machine.procFiles.set('/proc/100001/uid_map', uids);
    machine.procFiles.set('/proc/100001/gid_map', gids);
  };

  it('may be in another order than in config.json', () => {
    found('         0     100000       1000\n      1000          5          1\n', '0 7 1\n');
    require([map(1000, 5, 1), map(0, 100000, 1000)], [map(0, 7, 1)]);
    expect(machine.processes.size).toBe(0);
  });

  it('that differ are refused with the mappings that the namespace has', () => {
    found('0 1 1\n', '         0          8          1\n');
    expect(thrown(() => require([map(0, 1, 1)], [map(0, 7, 1)]))).toMatchObject({
      code: 'config.user-namespace.joined-mappings',
      pointer: '/linux/gidMappings',
      path: '/run/user-ns',
      value: '0 8 1',
    });
    expect(machine.processes.size).toBe(0);
  });
});
