// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { mountAt } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo, skipWhere } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox', 'cgroup2'))('the cgroup of a container', () => {
  const box = sandbox();
  const top = () => box.view.path('/sys/fs/cgroup');
  /** The test's own cgroup in the version 2 hierarchy: relative paths start there. */
  const own = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1]?.replace(/\/$/, '') ?? '';

  /** Path of the container in the version 2 hierarchy. */
  const cgroupOf = (id: string) => {
    const line = readFileSync(`/proc/${box.state(id).pid}/cgroup`, 'utf8').split('\n');
    return line.find(entry => entry.startsWith('0::'))?.slice(3);
  };

  test('is named after the container if no path is given', () => {
    const bundle = box.running();
    expect(cgroupOf(bundle.id)).toBe(`${own}/${bundle.id}`);
  });

  test.each([
    [
      'from the root of the hierarchy when absolute',
      (name: string) => `/${name}-top`,
      (name: string) => `/${name}-top`,
    ],
    [
      'from the cgroup of the runtime when relative',
      (name: string) => `${name}-rel`,
      (name: string) => `${own}/${name}-rel`,
    ],
    ['and cannot leave it', (name: string) => `/../../${name}-up`, (name: string) => `/${name}-up`],
  ])('is at its path, %s', (_, path, place) => {
    const bundle = box.running(made => {
      made.config.linux.cgroupsPath = path(box.name);
    });
    expect(cgroupOf(bundle.id)).toBe(place(box.name));
  });

  test('is made with its parents, which may remain but contain no process', () => {
    const bundle = box.running(made => {
      made.config.linux.cgroupsPath = `/${box.name}-a/b/c`;
    });
    expect(cgroupOf(bundle.id)).toBe(`/${box.name}-a/b/c`);
    box.must(['delete', '--force', bundle.id]);
    expect(existsSync(`${top()}/${box.name}-a/b/c`)).toBe(false);
    for (const parent of [`${box.name}-a/b`, `${box.name}-a`]) {
      if (existsSync(`${top()}/${parent}`)) rmdirSync(`${top()}/${parent}`);
    }
  });

  test('contains the init after create, before the program runs', () => {
    const bundle = box.bundle();
    box.create(bundle);
    expect(cgroupOf(bundle.id)).toBe(`${own}/${bundle.id}`);
    expect(readFileSync(`${top()}${own}/${bundle.id}/cgroup.procs`, 'utf8')).toMatch(/^\d+\n$/);
  });

  test("has every controller of the hierarchy's root, also without a limit", context => {
    const controllers = (dir: string) => readFileSync(`${top()}/${dir}/cgroup.controllers`, 'utf8');
    context.skip(controllers('') === '\n', 'version 2 offers no controller here');
    const bundle = box.running(made => {
      made.config.linux.cgroupsPath = `/${box.name}-all/one`;
    });
    expect(controllers(`${box.name}-all/one`)).toBe(controllers(''));
    box.must(['delete', '--force', bundle.id]);
    if (existsSync(`${top()}/${box.name}-all`)) rmdirSync(`${top()}/${box.name}-all`);
  });

  test('is removed by delete', () => {
    const bundle = box.running();
    const path = `${top()}${cgroupOf(bundle.id)}`;
    expect(existsSync(path)).toBe(true);
    box.must(['delete', '--force', bundle.id]);
    expect(existsSync(path)).toBe(false);
  });

  test('is removed by delete with the cgroups that the container made in it', () => {
    const bundle = box.running();
    const path = `${top()}${cgroupOf(bundle.id)}`;
    mkdirSync(`${path}/inner/most`, { recursive: true });
    box.must(['delete', '--force', bundle.id]);
    expect(existsSync(path)).toBe(false);
  });

  test('is removed without changing its parent', () => {
    const parent = `${top()}/${box.name}-parent`;
    mkdirSync(parent);
    try {
      const bundle = box.running(made => {
        made.config.linux.cgroupsPath = `/${box.name}-parent/leaf`;
      });
      box.must(['delete', '--force', bundle.id]);
      expect(existsSync(`${parent}/leaf`)).toBe(false);
      expect(existsSync(parent)).toBe(true);
    } finally {
      rmdirSync(parent);
    }
  });

  test('may exist already if it is empty', () => {
    mkdirSync(`${top()}/${box.name}-empty`);
    const bundle = box.running(made => {
      made.config.linux.cgroupsPath = `/${box.name}-empty`;
    });
    expect(cgroupOf(bundle.id)).toBe(`/${box.name}-empty`);
    box.must(['delete', '--force', bundle.id]);
    if (existsSync(`${top()}/${box.name}-empty`)) rmdirSync(`${top()}/${box.name}-empty`);
  });

  test('is refused if it contains a process', () => {
    const other = box.running(made => {
      made.config.linux.cgroupsPath = `/${box.name}-shared`;
    });
    const bundle = box.bundle(made => {
      made.config.linux.cgroupsPath = `/${box.name}-shared`;
    });
    if (disagrees('runc 1.1', 'only warns of a cgroup that contains processes')) {
      const done = box.create(bundle);
      expect(done.stderr).toContain('non-empty cgroup');
      // Deleting either container would end both.
      box.must(['kill', other.id, 'KILL']);
      box.must(['delete', '--force', bundle.id]);
      return;
    }
    const failure = box.refuses(bundle);
    expect(failure.message).toContain("container's cgroup is not empty: 1 process(es) found");
    if (isTsubo) expect(failure.record.code).toBe('state.cgroup-not-empty');
    expect(box.state(other.id).status).toBe('running');
  });

  describe('mount', () => {
    test('shows the cgroup of the container as the root, and is readonly with the option ro', () => {
      const report = box.inside(undefined, { probe: ['/sys/fs/cgroup', '/sys/fs/cgroup/cgroup.procs'] });
      const mount = mountAt(report, '/sys/fs/cgroup');
      expect(mount).toMatchObject({ type: 'cgroup2', root: '/' });
      expect(mount.options).toEqual(expect.arrayContaining(['ro', 'nosuid', 'nodev', 'noexec', 'relatime']));
      expect(report.probes['/sys/fs/cgroup/cgroup.procs']?.read?.text).toBe('1\n');
      // The root cgroup of the machine lacks this file.
      expect(report.probes['/sys/fs/cgroup']?.read?.entries).toContain('cgroup.events');
    });

    test('is writable without the option ro', () => {
      const printed = box.shell('mkdir /sys/fs/cgroup/mine && ls -d /sys/fs/cgroup/mine', bundle => {
        bundle.mount('/sys/fs/cgroup').options = ['nosuid', 'noexec', 'nodev', 'relatime'];
      });
      expect(printed).toBe('/sys/fs/cgroup/mine\n');
    });

    test('shows the hierarchy of the host without a cgroup namespace', () => {
      const report = box.inside(bundle => bundle.namespace('cgroup'), { probe: ['/sys/fs/cgroup'] });
      expect(mountAt(report, '/sys/fs/cgroup').type).toBe('cgroup2');
      expect(report.probes['/sys/fs/cgroup']?.read?.entries).not.toContain('cgroup.events');
      expect(report.cgroup).toMatch(new RegExp(`^0::${own}/${box.name}`, 'm'));
    });
  });

  test('is optional, also together with the cgroup namespace', () => {
    const report = box.inside(bundle => {
      bundle.unmount('/sys/fs/cgroup');
      bundle.namespace('cgroup');
    });
    expect(report.cgroup).toMatch(new RegExp(`^0::${own}/${box.name}`, 'm'));
  });
});

describe.skipIf(requires('root', 'busybox', 'cgroup2', 'cgroup1'))(
  'the cgroup of a container beside version 1',
  () => {
    const box = sandbox('machine');

    test('is in the version 2 hierarchy at any mount point', () => {
      const bundle = box.running();
      const line = readFileSync(`/proc/${box.state(bundle.id).pid}/cgroup`, 'utf8');
      const own = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1]?.replace(/\/$/, '') ?? '';
      expect(line).toContain(`0::${own}/${bundle.id}\n`);
    });

    test('is mounted as version 2', context => {
      skipWhere(context, 'runc', 'mounts the version 1 hierarchies too');
      const report = box.inside(undefined, { probe: ['/sys/fs/cgroup/cgroup.procs'] });
      expect(mountAt(report, '/sys/fs/cgroup')).toMatchObject({ type: 'cgroup2', root: '/' });
      expect(report.probes['/sys/fs/cgroup/cgroup.procs']?.read?.text).toBe('1\n');
    });
  },
);
