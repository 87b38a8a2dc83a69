// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { parseRecord, recordText, validMembers } from '../../../src/lifecycle/check-record.ts';
import type { ContainerRecord } from '../../../src/lifecycle/record.ts';

const record: ContainerRecord = {
  version: 2,
  id: 'web',
  bundle: '/b',
  rootfs: '/b/rootfs',
  created: '2024-01-01T00:00:00Z',
  annotations: { null: 'null' },
  cgroup: {
    root: '/cg',
    path: '/cg/a/web',
    made: ['/cg/a', '/cg/a/web'],
    unit: 'web.scope',
    manager: 'system',
  },
  rdt: { root: '/r', path: '/r/web', made: true, named: false, monitoring: '/r/web/mon_groups/web' },
  sharedPidNamespace: false,
  noNewKeyring: true,
  mountsBelow: 0,
  upper: { path: '/u', work: '/w', id: '1:2', workId: '1:3', bootId: 'one' },
  hooks: { poststart: [], poststop: [{ path: '/bin/true', timeout: 5 }] },
  init: { pid: 7, startTime: 8 },
};
const text = recordText(record);
const faultIn = (damaged: string) => {
  const found = parseRecord(damaged, 'web');
  return 'message' in found ? found : undefined;
};

/** The paths of all members, including nested ones. */
function* members(value: unknown, path: readonly string[] = []): Generator<readonly string[]> {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    yield [...path, name];
    yield* members(member, [...path, name]);
  }
}

function changed(
  path: readonly string[],
  change: (object: Record<string, unknown>, name: string) => void,
): string {
  const copy = JSON.parse(text) as Record<string, unknown>;
  let object = copy;
  for (const name of path.slice(0, -1)) object = object[name] as Record<string, unknown>;
  change(object, path.at(-1) ?? '');
  return JSON.stringify(copy);
}

describe('a record', () => {
  it('is read as it was written', () => {
    expect(parseRecord(text, 'web')).toEqual(record);
    const { cgroup: _, rdt: __, hooks: ___, init: ____, ...least } = record;
    expect(parseRecord(recordText(least), 'web')).toEqual(least);
  });

  it('without the number of its members is accepted too', () => {
    expect(parseRecord(JSON.stringify(record), 'web')).toEqual(record);
  });

  it('of an earlier version is accepted', () => {
    expect(parseRecord(recordText({ ...record, version: 1 }), 'web')).toEqual({ ...record, version: 1 });
  });

  it('is refused if any member is null', () => {
    for (const path of members(JSON.parse(text))) {
      const pointer = `/${path.join('/')}`;
      const damaged = changed(path, (object, name) => {
        object[name] = null;
      });
      expect(faultIn(damaged)).toEqual({ message: `${pointer} must not be null`, pointer });
    }
  });

  it.each([
    '/version',
    '/id',
    '/cgroup',
    '/cgroup/path',
    '/cgroup/unit',
    '/rdt',
    '/hooks',
    '/init',
    '/init/pid',
    '/mountsBelow',
    '/upper',
    '/upper/workId',
  ])('is refused without %s', pointer => {
    const damaged = changed(pointer.slice(1).split('/'), (object, name) => delete object[name]);
    const whole = JSON.parse(damaged) as object;
    const optional = ['/cgroup', '/rdt', '/hooks', '/init', '/mountsBelow', '/upper'].includes(pointer);
    if (pointer === '/cgroup/unit') {
      expect(faultIn(damaged)?.message).toBe('/cgroup must have both unit and manager, or none of them');
    } else if (optional) {
      const found = Object.keys(whole).length - 1;
      expect(faultIn(damaged)?.message).toBe(`it has ${found} members and was written with ${found + 1}`);
    } else expect(faultIn(damaged)).toEqual({ message: `${pointer} is missing`, pointer });
  });

  it.each<[string, unknown, string]>([
    ['/version', 0, '/version is 0: this program reads versions 1 and 2'],
    ['/id', 'other', '/id is "other", not "web"'],
    ['/bundle', 'b', '/bundle must be a clean absolute path'],
    ['/rootfs', '/b/../etc', '/rootfs must be a clean absolute path'],
    ['/sharedPidNamespace', 0, '/sharedPidNamespace must be true or false, not 0'],
    ['/init', [], '/init must be an object, not a list'],
    ['/init/pid', '7', '/init/pid must be a whole number, not the string "7"'],
    ['/init/pid', -1, '/init/pid must be from 1 to 4194304, not -1'],
    ['/init/pid', 5_000_000, '/init/pid must be from 1 to 4194304, not 5000000'],
    ['/init/startTime', 1e300, '/init/startTime must be a whole number, not 1e+300'],
    ['/cgroup/path', '/elsewhere', '/cgroup/path must be below /cgroup/root'],
    ['/cgroup/path', '/cg', '/cgroup/path must be below /cgroup/root'],
    ['/cgroup/made/0', '/cg/b', '/cgroup/made/0 must be /cgroup/path or above it'],
    ['/cgroup/made/0', '/', '/cgroup/made/0 must be /cgroup/path or above it'],
    ['/upper/work', 'w/../x', '/upper/work must be a clean absolute path'],
    ['/rdt/path', '/etc', '/rdt/path must be below /rdt/root'],
    ['/hooks/poststop/0/path', 5, '/hooks/poststop/0/path must be a string, not 5'],
  ])('is refused with %s as %j', (pointer, value, message) => {
    const damaged = changed(pointer.slice(1).split('/'), (object, name) => {
      object[name] = value;
    });
    expect(faultIn(damaged)).toEqual({ message, pointer });
  });

  it('with the usual members has the same verdict as one with rare members', () => {
    const {
      rdt: _,
      hooks: __,
      noNewKeyring: ___,
      mountsBelow: ____,
      upper: _____,
      cgroup = { root: '', path: '', made: [] },
      ...others
    } = record;
    const usual = { ...others, cgroup: { root: cgroup.root, path: cgroup.path, made: cgroup.made } };
    const whole = JSON.parse(recordText(usual)) as Record<string, unknown>;
    expect(parseRecord(JSON.stringify(whole), 'web')).toEqual(usual);
    const values = [
      null,
      '',
      'x',
      '/',
      '/a/../b',
      '/cg/x',
      '/cg/a',
      'a\0b',
      -1,
      0,
      1,
      1.5,
      2,
      5e6,
      1e300,
      true,
      [],
      ['/cg/a'],
      [1],
      {},
      { a: 1 },
    ];
    let faults = 0;
    for (const path of members(whole)) {
      if (path[0] === 'members') continue;
      for (const value of values) {
        const copy = structuredClone(whole);
        let object = copy;
        for (const name of path.slice(0, -1)) object = object[name] as Record<string, unknown>;
        object[path.at(-1) ?? ''] = value;
        // Without that number the record is checked member by member.
        const { members: _____, ...unnumbered } = copy;
        const judged = parseRecord(JSON.stringify(copy), 'web');
        expect([path, value, judged]).toEqual([path, value, parseRecord(JSON.stringify(unnumbered), 'web')]);
        if ('message' in judged) faults += 1;
      }
    }
    expect(faults).toBeGreaterThan(250);
  });

  it('is refused if it is truncated anywhere, and its complete members are returned', () => {
    for (let length = 0; length < text.length; length++) {
      expect(faultIn(text.slice(0, length))?.message).toMatch(
        /^it is (empty|not valid JSON at line 1, column \d+: )/,
      );
      expect(validMembers(text.slice(0, length), 'web')).toEqual({});
    }
    expect(faultIn(`${text}}`)).toEqual({ message: 'text follows the record' });
  });

  it('keeps its valid members if others are damaged', () => {
    const { init: _, ...others } = record;
    const damaged = changed(['init', 'pid'], (object, name) => {
      object[name] = 'x';
    });
    expect(validMembers(damaged, 'web')).toMatchObject(others);
    expect(validMembers(damaged, 'web').init).toBeUndefined();
    expect(validMembers('null', 'web')).toEqual({});
  });

  it('has no valid member with null in it, even if another spelling of the name has a value', () => {
    const damaged = changed(['init', 'pid'], object => {
      object['PID'] = 7;
      object['pid'] = null;
    });
    expect(validMembers(damaged, 'web').init).toBeUndefined();
  });

  it('of a later version is not called damaged, whatever its members are', () => {
    for (const later of [
      `{"version":3}`,
      changed(['version'], object => Object.assign(object, { version: 9, init: 5 })),
    ]) {
      const found = parseRecord(later, 'web');
      expect(found).toMatchObject({ newer: true, pointer: '/version' });
    }
    for (const invalid of [0, -1, 1.5, '3', null])
      expect(
        faultIn(changed(['version'], object => Object.assign(object, { version: invalid })))?.newer,
      ).toBeUndefined();
  });
});
