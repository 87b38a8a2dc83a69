// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Device } from '../../../src/oci/config.ts';
import { planFor, stepsOf } from '../../helpers/plan.ts';

function devices(...requested: Device[]) {
  return stepsOf(planFor({ linux: { namespaces: [{ type: 'mount' }], devices: requested } }), 'makeDevice');
}

describe('devices', () => {
  it('are the six default ones, accessible to every user', () => {
    expect(devices().map(step => [step.path, step.mode, step.major, step.minor, step.uid])).toEqual([
      ['/dev/null', 0o020666, 1, 3, 0],
      ['/dev/random', 0o020666, 1, 8, 0],
      ['/dev/full', 0o020666, 1, 7, 0],
      ['/dev/tty', 0o020666, 5, 0, 0],
      ['/dev/zero', 0o020666, 1, 5, 0],
      ['/dev/urandom', 0o020666, 1, 9, 0],
    ]);
  });

  it('of the config come after the default ones, with their own mode and owner', () => {
    const disk = {
      type: 'b',
      path: '/dev/disk/one',
      major: 8,
      minor: 1,
      fileMode: 0o100640,
      uid: 5,
      gid: 6,
    } as const;
    expect(devices(disk, { type: 'p', path: '/run/pipe' }).slice(6)).toEqual([
      {
        op: 'makeDevice',
        origin: '/linux/devices/0',
        path: '/dev/disk/one',
        mode: 0o060640,
        major: 8,
        minor: 1,
        uid: 5,
        gid: 6,
      },
      {
        op: 'makeDevice',
        origin: '/linux/devices/1',
        path: '/run/pipe',
        mode: 0o010666,
        major: 0,
        minor: 0,
        uid: 0,
        gid: 0,
      },
    ]);
  });

  it('of the config replace default ones with the same path', () => {
    const found = devices({ type: 'u', path: '/dev/./null', major: 1, minor: 5, fileMode: 0o600 });
    expect(found.filter(step => step.path === '/dev/null')).toMatchObject([
      { mode: 0o020600, minor: 5, origin: '/linux/devices/0' },
    ]);
    expect(found).toHaveLength(6);
  });

  it('never include /dev/ptmx, which is a link', () => {
    expect(devices({ type: 'c', path: '/dev/ptmx', major: 5, minor: 2 })).toHaveLength(6);
    expect(stepsOf(planFor(), 'replaceSymlink')).toMatchObject([{ path: '/dev/ptmx', target: 'pts/ptmx' }]);
  });

  it('are not made in a /dev that is a mount of the host', () => {
    const plan = planFor({ mounts: [{ destination: '/dev/', source: '/dev', options: ['rbind'] }] });
    expect(stepsOf(plan, 'makeDevice', 'makeSymlink', 'makeSymlinkIf', 'replaceSymlink')).toEqual([]);
  });

  it('are followed by the links of /dev, with core only if the host has one', () => {
    expect(stepsOf(planFor(), 'makeSymlink', 'makeSymlinkIf').map(step => [step.path, step.target])).toEqual([
      ['/dev/fd', '/proc/self/fd'],
      ['/dev/stdin', '/proc/self/fd/0'],
      ['/dev/stdout', '/proc/self/fd/1'],
      ['/dev/stderr', '/proc/self/fd/2'],
      ['/dev/core', '/proc/kcore'],
    ]);
    expect(stepsOf(planFor(), 'makeSymlinkIf')[0]?.needs).toBe('/proc/kcore');
  });
});
