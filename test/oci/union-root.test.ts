// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { mountAt } from '../helpers/inside.ts';
import { killedAt, tracedCalls } from '../helpers/killing.ts';
import { missing, requires } from '../helpers/requires.ts';
import { host, isTsubo } from '../helpers/runtime.ts';
import { sandbox, until } from '../helpers/sandbox.ts';
import { asUser, prepareUser, unprivileged, user } from '../helpers/user.ts';

const EROFS = 30;

/** Layers and options of a root mount. The root file system of a bundle is the lowest layer, with the programs. */
interface Layers {
  readonly lowers?: readonly string[];
  readonly upper?: boolean;
  readonly options?: readonly string[];
}

describe.skipIf(requires('root', 'busybox', 'filesystem:overlay') || !isTsubo)('a union as the root', () => {
  const box = sandbox();

  /** A new directory with these files. */
  const layer = (files: Readonly<Record<string, string>> = {}, at = box.fresh('layer')): string => {
    mkdirSync(at, { recursive: true });
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(at, path)), { recursive: true });
      writeFileSync(join(at, path), text);
    }
    return at;
  };

  /** `:` and `,` are separators, and a backslash precedes a character that is not a separator. */
  const escaped = (path: string): string => path.replace(/[\\:,]/g, '\\$&');

  /** Makes the first mount of the bundle its root: `lowers` over the root file system of the bundle. */
  const union = (bundle: Bundle, { lowers = [], upper = true, options = [] }: Layers = {}): void => {
    const image = join(bundle.dir, 'image');
    box.view.sh('mv "$1" "$2" && mkdir "$1"', bundle.rootfs, image);
    const words = [`lowerdir=${[...lowers, image].map(escaped).join(':')}`, ...options];
    if (upper) {
      for (const name of ['upper', 'work']) mkdirSync(join(bundle.dir, name));
      words.push(`upperdir=${join(bundle.dir, 'upper')}`, `workdir=${join(bundle.dir, 'work')}`);
    }
    bundle.config.mounts.unshift({ destination: '/', type: 'overlay', source: 'overlay', options: words });
  };
  const having =
    (layers: Layers = {}, more?: (bundle: Bundle) => void) =>
    (bundle: Bundle): void => {
      union(bundle, layers);
      more?.(bundle);
    };
  const rootOptions = (bundle: Bundle): string[] => bundle.config.mounts[0]?.options ?? [];

  test('shows the layers, and writes go to the upper one only', () => {
    const bundle = box.bundle(made => {
      union(made, { lowers: [layer({ 'etc/of-layer': 'seen\n' })] });
      made.shell('cat /etc/of-layer; echo new >/etc/written; rm /etc/passwd; cat /proc/self/mountinfo');
    });
    const done = box.run(bundle);
    expect(done).toMatchObject({ status: 0, stderr: '' });
    const [first, ...table] = done.stdout.trim().split('\n');
    expect(first).toBe('seen');
    expect(table[0]).toMatch(/ \/ \/ rw,relatime - overlay overlay rw,/);
    expect(readFileSync(join(bundle.dir, 'upper/etc/written'), 'utf8')).toBe('new\n');
    expect(existsSync(join(bundle.dir, 'image/etc/passwd'))).toBe(true);
    expect(existsSync(join(bundle.dir, 'image/etc/written'))).toBe(false);
    // The directory of root.path is covered, and nothing is made in it.
    expect(readdirSync(bundle.rootfs)).toEqual([]);
  });

  test('has the mount table of crun for the same bundle', context => {
    const crun = box.view.exec(['crun', '--version']);
    const version = Number(/version 1\.(\d+)/.exec(crun.stdout)?.[1] ?? 0);
    context.skip(version < 20, 'no crun that knows a mount on /');
    const table = (command: readonly string[]): string[] => {
      const bundle = box.bundle(
        having({ lowers: [layer()] }, made => {
          // crun makes masks in another order, and adds nosymfollow to the cgroup mount.
          made.config.linux.maskedPaths = [];
          made.config.linux.readonlyPaths = [];
          made.unmount('/sys/fs/cgroup');
          made.shell('cat /proc/self/mountinfo');
        }),
      );
      const done = box.view.exec([...command, 'run', '--bundle', bundle.dir, bundle.id]);
      expect(done).toMatchObject({ status: 0 });
      return done.stdout
        .trim()
        .split('\n')
        .map(line => line.split(' ').slice(4, 6).join(' '));
    };
    expect(table(box.command())).toEqual(table(['crun', '--root', box.mkdir('crun')]));
  });

  test('may be only the first mount', () => {
    const second = box.bundle(
      having({}, made => {
        made.config.mounts.push({ ...made.config.mounts[0], destination: '/' });
      }),
    );
    expect(box.refuses(second).record).toMatchObject({
      code: 'config.mount.root',
      pointer: `/mounts/${second.config.mounts.length - 1}/destination`,
      line: expect.any(Number),
    });
    const late = box.bundle(
      having({}, made => {
        const [first, ...others] = made.config.mounts;
        if (first !== undefined) made.config.mounts = [...others, first];
      }),
    );
    expect(box.refuses(late).record).toMatchObject({
      code: 'config.mount.root',
      pointer: `/mounts/${late.config.mounts.length - 1}/destination`,
      line: expect.any(Number),
    });
  });

  test.each([
    [500, 'run'],
    [501, 'are refused before anything is made'],
  ])('%i layers %s', count => {
    const lowers = Array.from({ length: count - 1 }, (_, index) => layer({ [`etc/of-${index}`]: '' }));
    const bundle = box.bundle(having({ lowers }, made => made.shell('ls /etc')));
    if (count === 500) {
      const seen = box.run(bundle).stdout.split('\n');
      expect(seen.filter(name => name.startsWith('of-'))).toHaveLength(499);
      return;
    }
    const { record } = box.refuses(bundle);
    expect(record).toMatchObject({ code: 'config.mount.layers', pointer: '/mounts/0/options/0' });
    expect(record.msg).toContain('501 lower layers, and the kernel accepts at most 500');
  });

  test('a container runs with 150 layers, whose paths of 100 bytes do not fit into one page of options', () => {
    const parent = box.mkdir('p');
    const lowers = Array.from({ length: 150 }, (_, index) => {
      const name = `${index}-`.padEnd(100 - parent.length - 1, 'x');
      return layer({ [`etc/of-${index}`]: '' }, join(parent, name));
    });
    expect(lowers.map(path => path.length)).toEqual(lowers.map(() => 100));
    const seen = box.shell('ls /etc', having({ lowers })).split('\n');
    expect(seen.filter(name => name.startsWith('of-'))).toHaveLength(150);
  });

  test.each([
    ['a colon', 'a:b'],
    ['a comma', 'a,b'],
    ['a backslash', 'a\\b'],
    ['a backslash at the end', 'a\\'],
    ['a blank', 'a b'],
    ['a new line', 'a\nb'],
    ['quotation marks', '"a"'],
    ['more than 255 bytes', join('x'.repeat(200), 'y'.repeat(200))],
  ])('a layer may have %s in its path', (_, name) => {
    const strange = layer({ 'etc/of-layer': 'seen' }, join(box.mkdir('parent'), name));
    expect(box.shell('cat /etc/of-layer', having({ lowers: [strange] }))).toBe('seen');
    const repeated = having({}, made => {
      rootOptions(made).unshift(`lowerdir+=${escaped(strange)}`);
    });
    expect(box.shell('cat /etc/of-layer', repeated)).toBe('seen');
    const upper = box.bundle(
      having({ upper: false }, made => {
        const place = join(box.mkdir('parent'), name);
        for (const key of ['upper', 'work']) {
          layer({}, join(place, key));
          rootOptions(made).push(`${key}dir=${escaped(join(place, key))}`);
        }
        made.shell('echo new >/etc/written');
        Object.assign(made, { place });
      }),
    );
    expect(box.run(upper)).toMatchObject({ status: 0 });
    const { place } = upper as Bundle & { readonly place: string };
    expect(readFileSync(join(place, 'upper/etc/written'), 'utf8')).toBe('new\n');
  });

  test('a missing layer is refused at its own option', () => {
    const missing = join(box.dir, 'missing');
    for (const place of [1, 2, 3, 4]) {
      const bundle = box.bundle(
        having({}, made => {
          const [lower = '', upper = '', work = ''] = rootOptions(made);
          const options = [lower, `lowerdir+=${layer()}`, `lowerdir+=${layer()}`, upper, work];
          options[place] = `${options[place]?.split('=')[0]}=${missing}`;
          made.config.mounts[0] = { ...made.config.mounts[0], destination: '/', options };
        }),
      );
      expect(box.refuses(bundle).record).toMatchObject({
        code: 'container.mount',
        pointer: `/mounts/0/options/${place}`,
        errnoName: 'ENOENT',
        syscall: layersInOneCall === undefined ? 'fsconfig' : 'openat',
      });
    }
  });

  test('an unknown option is refused at its place, with the words of the kernel', context => {
    context.skip(layersInOneCall !== undefined, layersInOneCall);
    const bundle = box.bundle(having({ options: ['xino=off', 'metacpy=on'] }));
    const { record } = box.refuses(bundle);
    expect(record).toMatchObject({ code: 'container.mount', pointer: '/mounts/0/options/2' });
    expect(record.msg).toContain("Unknown parameter 'metacpy'");
  });

  test('one layer without an upper one is a read-only bind of it', () => {
    const bundle = box.bundle(
      having({ upper: false }, made => {
        made.config.process.args = ['/bin/inside', '--probe', '/', '/etc/passwd', '/dev/shm'];
      }),
    );
    const report = JSON.parse(box.run(bundle).stdout) as { mountinfo: string; probes: Probes };
    expect(report.mountinfo.split('\n')[0]).not.toContain('overlay');
    expect(report.mountinfo.split('\n')[0]).toMatch(/ \/ ro,/);
    expect(report.probes['/']?.write).toBe(EROFS);
    expect(report.probes['/etc/passwd']?.write).toBe(EROFS);
    expect(report.probes['/dev/shm']?.write).toBe(0);
  });

  test('mount points are made in the upper layer also if the root is read-only, and never in a lower one', () => {
    for (const how of ['root.readonly', 'ro']) {
      const bundle = box.bundle(
        having({ options: how === 'ro' ? ['ro'] : [] }, made => {
          if (how !== 'ro') made.config.root.readonly = true;
          made.config.mounts.push({ destination: '/new/target', type: 'tmpfs', source: 'tmpfs' });
          made.config.process.args = ['/bin/inside', '--probe', '/etc/passwd', '/new/target'];
        }),
      );
      const report = JSON.parse(box.run(bundle).stdout) as { probes: Probes };
      expect(report.probes['/etc/passwd']?.write).toBe(EROFS);
      expect(report.probes['/new/target']?.write).toBe(0);
      expect(existsSync(join(bundle.dir, 'image/new'))).toBe(false);
    }
    const two = box.bundle(
      having({ upper: false, lowers: [layer()] }, made => {
        made.config.mounts.push({ destination: '/new/target', type: 'tmpfs', source: 'tmpfs' });
      }),
    );
    expect(box.refuses(two).record).toMatchObject({ code: 'container.mount', errnoName: 'EROFS' });
    expect(existsSync(join(two.dir, 'image/new'))).toBe(false);
  });

  test('an upper layer on an overlay is refused with the words of the kernel', context => {
    context.skip(layersInOneCall !== undefined, layersInOneCall);
    const bundle = box.bundle(
      having({ upper: false }, made => {
        const [lower, over, first, work] = [layer({ a: '' }), layer(), layer(), layer()];
        box.view.sh(
          'mount -t overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" overlay "$4" && mkdir "$4/u" "$4/w"',
          ...[lower, first, work, over],
        );
        rootOptions(made).push(`upperdir=${over}/u`, `workdir=${over}/w`);
        Object.assign(made, { over });
      }),
    );
    try {
      const { record } = box.refuses(bundle);
      expect(record.msg).toMatch(/filesystem on .* not supported as upperdir/);
      expect(record).toMatchObject({ code: 'container.mount', pointer: '/mounts/0/options/1' });
    } finally {
      box.view.sh('umount "$1"', (bundle as Bundle & { readonly over: string }).over);
    }
  });

  test('whiteouts and opaque directories hide what is below', () => {
    const bottom = layer({ gone: '', 'opaque/below': '', stays: '' });
    const [top, work, over] = [layer(), layer(), layer()];
    // The kernel itself makes them in the upper layer of another overlay.
    box.view.sh(
      `mount -t overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" overlay "$4"
       rm -r "$4/gone" "$4/opaque"; mkdir "$4/opaque"; echo >"$4/opaque/own"; umount "$4"`,
      ...[bottom, top, work, over],
    );
    expect(lstatSync(join(top, 'gone')).isCharacterDevice()).toBe(true);
    const seen = box.shell('ls / /opaque', having({ lowers: [top, bottom] }));
    expect(seen.split('\n')).toContain('stays');
    expect(seen.split('\n')).not.toContain('gone');
    expect(seen.split('/opaque:\n')[1]?.trim()).toBe('own');
  });

  test.skipIf(requires('kernel:6.8'))(
    'whiteouts that are attributes hide the files of lower directories',
    () => {
      const bottom = layer({ gone: '', stays: '', 'directory/gone': '', 'directory/stays': '' });
      const top = layer({ gone: '', 'directory/gone': '' });
      // The attribute of a directory announces those of its files.
      const script = `import os, sys
top = sys.argv[1]
for directory in (top, top + '/directory'):
    os.setxattr(directory, 'trusted.overlay.opaque', b'x')
    os.setxattr(directory + '/gone', 'trusted.overlay.whiteout', b'y')`;
      execFileSync('python3', ['-c', script, top]);
      const listed = (path: string) => box.shell(`ls ${path}`, having({ lowers: [top, bottom] })).split('\n');
      expect(listed('/directory')).toEqual(['stays', '']);
      expect(listed('/')).toContain('stays');
      expect(listed('/')).not.toContain('gone');
    },
  );

  /** Id 0 in the container is this one on the host. */
  const first = 100_000;
  const mapUsers = (bundle: Bundle): void => {
    bundle.config.linux.namespaces.push({ type: 'user' });
    const mapping = [{ containerID: 0, hostID: first, size: 65_536 }];
    Object.assign(bundle.config.linux, { uidMappings: mapping, gidMappings: mapping });
  };

  /** Hash of the owners, modes, sizes and times of change of all files below a directory. */
  const fingerprint = (directory: string): string => {
    const hash = createHash('sha256');
    const walk = (path: string): void => {
      const { uid, gid, mode, size, ctimeMs } = lstatSync(path);
      hash.update(JSON.stringify([path, uid, gid, mode, size, ctimeMs]));
      if (lstatSync(path).isDirectory()) for (const name of readdirSync(path).sort()) walk(join(path, name));
    };
    walk(directory);
    return hash.digest('hex');
  };

  test.for([
    ['over layers', true, 2],
    ['read-only over layers', false, 2],
    ['of one layer', false, 1],
  ] as const)(
    'in a user namespace a root %s shows files of root as such, and changes no layer',
    ([, upper, count], context) => {
      const old = missing(count === 1 ? 'kernel:5.12' : 'kernel:6.15');
      context.skip(old !== undefined, old);
      const bundle = box.bundle(made => {
        union(made, { upper, lowers: count === 1 ? [] : [layer({ 'etc/of-layer': 'x' })] });
        mapUsers(made);
        if (upper) chownSync(join(made.dir, 'upper'), first, first);
        made.shell(`stat -c %u:%g / /etc /etc/passwd /bin/busybox${upper ? '; echo x >>/etc/passwd' : ''}`);
      });
      const image = join(bundle.dir, 'image');
      const before = fingerprint(image);
      const trace = box.fresh('trace');
      const done = box.view.exec([
        ...['strace', '-f', '-o', trace, '-e', 'trace=chown,lchown,fchown,fchownat'],
        ...box.command('run', '--bundle', bundle.dir, bundle.id),
      ]);
      expect(done).toMatchObject({ status: 0, stderr: '' });
      expect(done.stdout.trim().split('\n')).toEqual(['0:0', '0:0', '0:0', '0:0']);
      expect(fingerprint(image)).toBe(before);
      // Devices and terminals change owners; no layer does.
      const calls = readFileSync(trace, 'utf8').split('\n');
      expect(calls.filter(line => line.includes(bundle.dir))).toEqual([]);
      if (upper) {
        const copied = lstatSync(join(bundle.dir, 'upper/etc/passwd'));
        expect([copied.uid, copied.gid]).toEqual([first, first]);
      }
    },
  );

  test('in a user namespace a missing layer is refused at its own option', context => {
    context.skip(missing('kernel:6.15') !== undefined, missing('kernel:6.15'));
    const bundle = box.bundle(made => {
      union(made, { options: [`lowerdir+=${join(box.dir, 'missing')}`] });
      mapUsers(made);
    });
    expect(box.refuses(bundle).record).toMatchObject({
      code: 'container.mount',
      pointer: '/mounts/0/options/1',
      errnoName: 'ENOENT',
    });
  });

  test('the mount table of the host is the same after runs, creates and deletes', () => {
    const before = box.view.mounts();
    // Node needs a tenth of a second for each.
    const rounds = host === 'standalone' ? 100 : 10;
    for (let round = 0; round < rounds; round++) box.run(box.bundle(having({}, made => made.shell('true'))));
    const bundle = box.created(having());
    expect(box.view.mounts()).toEqual(before);
    box.must(['delete', '--force', bundle.id]);
    expect(box.view.mounts()).toEqual(before);
  });

  test('is all that check reports if its options are wrong', () => {
    const bundle = box.bundle(
      having({ upper: false, options: [`upperdir=${layer()}`] }, made => {
        made.config.process.args = ['/bin/of-a-layer'];
      }),
    );
    const { problems } = JSON.parse(box.oci(['check', '--format', 'json', bundle.dir]).stdout) as {
      problems: readonly { readonly code: string; readonly pointer: string }[];
    };
    expect(problems.map(({ code, pointer }) => `${code} ${pointer}`)).toEqual([
      'config.mount.layers /mounts/0/options/1',
    ]);
  });

  test('has devices, masked and read-only paths, and is the root of exec', () => {
    const report = box.inside(
      having({}, made => {
        made.config.linux.maskedPaths = ['/etc/passwd'];
        made.config.linux.readonlyPaths = ['/usr'];
      }),
      { probe: ['/etc/passwd', '/usr', '/dev/null'] },
    );
    expect(report.probes['/dev/null']).toMatchObject({ kind: 'character', major: 1, minor: 3 });
    expect(mountAt(report, '/usr').options).toContain('ro');
    expect(report.probes['/etc/passwd']?.read?.text ?? '').toBe('');
    const bundle = box.running(having({ lowers: [layer({ 'etc/of-layer': 'seen' })] }));
    expect(box.must(['exec', bundle.id, '/bin/cat', '/etc/of-layer']).stdout).toBe('seen');
  });

  test('works without a mount namespace, and delete unmounts it', () => {
    const bundle = box.created(
      having({}, made => {
        made.namespace('mount');
        made.config.linux.maskedPaths = [];
        made.config.linux.readonlyPaths = [];
      }),
    );
    expect(box.view.mounts().filter(({ target }) => target === bundle.rootfs)).toHaveLength(1);
    box.must(['delete', '--force', bundle.id]);
    expect(box.view.mounts().filter(({ target }) => target.startsWith(bundle.rootfs))).toEqual([]);
  });

  test('an upper directory that a container uses is refused for another, with its name', () => {
    const first = box.running(having());
    const [, upper = '', work = ''] = rootOptions(first);
    const other = (options: readonly string[]): Bundle =>
      box.bundle(made => {
        union(made, { upper: false, options });
        // Another path of the same directory.
        box.view.sh('ln -s "$1" "$2"', first.dir, join(made.dir, 'link'));
      });
    for (const options of [
      [upper, work],
      ['upperdir=link/upper', 'workdir=link/work'],
    ]) {
      const { record } = box.refuses(other(options));
      expect(record).toMatchObject({
        code: 'state.layer-in-use',
        pointer: '/mounts/0/options/1',
        line: expect.any(Number),
        value: first.id,
      });
      expect(record.msg).toContain(`is in use by container ${first.id}`);
    }
    const own = layer();
    const sameWork = box.bundle(made => union(made, { upper: false, options: [`upperdir=${own}`, work] }));
    expect(box.refuses(sameWork).record).toMatchObject({ code: 'state.layer-in-use', value: first.id });
    // A stopped container uses nothing.
    box.must(['kill', first.id, 'KILL']);
    box.must(['delete', '--force', first.id]);
    expect(
      box.run(
        box.bundle(made => {
          union(made, { upper: false, options: [upper, work] });
          made.shell('true');
        }),
      ),
    ).toMatchObject({ status: 0 });
  });

  test('of many creates with one upper directory exactly one succeeds', async () => {
    const [upper, work] = [layer(), layer()];
    const bundles = Array.from({ length: 8 }, () =>
      box.bundle(made => union(made, { upper: false, options: [`upperdir=${upper}`, `workdir=${work}`] })),
    );
    const done = await Promise.all(
      bundles.map(
        bundle =>
          box.spawn(['create', '--bundle', bundle.dir, bundle.id], { stdio: ['ignore', 'ignore', 'ignore'] })
            .ended,
      ),
    );
    expect(done.filter(({ status }) => status === 0)).toHaveLength(1);
  });

  test('upper and work directory on two file systems are refused with a hint', () => {
    const bundle = box.bundle(
      having({}, made => {
        box.view.sh('mount -t tmpfs tmpfs "$1"', join(made.dir, 'work'));
        made.config.process.args = ['/bin/true'];
      }),
    );
    try {
      const { record } = box.refuses(bundle);
      expect(record).toMatchObject({ code: 'container.mount', pointer: '/mounts/0', errnoName: 'EINVAL' });
      expect(record['hint']).toContain('upperdir and workdir must be two directories of one mount');
      const checked = JSON.parse(box.oci(['check', '--format', 'json', bundle.dir]).stdout) as {
        problems: readonly unknown[];
      };
      expect(checked.problems).toMatchObject([{ code: 'container.mount', pointer: '/mounts/0' }]);
    } finally {
      box.view.sh('umount "$1"', join(bundle.dir, 'work'));
    }
  });

  /** The device number of an ext4 file system of its own, on which the bundle has upper and work directory. */
  const onOwnDisk = (bundle: Bundle, ...options: string[]): string => {
    const image = join(bundle.dir, 'disk');
    const disk = join(bundle.dir, 'mnt');
    box.view.sh(
      'truncate -s 16M "$1" && mkfs.ext4 -q "$1" && mkdir "$2" && mount -o loop "$1" "$2" && mkdir "$2/u" "$2/w"',
      image,
      disk,
    );
    union(bundle, { upper: false, options: [`upperdir=${disk}/u`, `workdir=${disk}/w`, ...options] });
    return box.view.sh('mountpoint -d "$1"', disk).trim();
  };

  /** Number of syncs of the file system while `work` runs, counted by the kernel. */
  const syncsOf = (device: string, work: () => void): number => {
    const [major = 0, minor = 0] = device.split(':').map(Number);
    const instance = join(tracing, 'instances', box.name);
    mkdirSync(instance);
    try {
      writeFileSync(join(instance, 'events/ext4/ext4_sync_fs/filter'), `dev == ${(major << 20) | minor}`);
      writeFileSync(join(instance, 'events/ext4/ext4_sync_fs/enable'), '1');
      work();
      writeFileSync(join(instance, 'events/ext4/ext4_sync_fs/enable'), '0');
      return readFileSync(join(instance, 'trace'), 'utf8').split('ext4_sync_fs:').length - 1;
    } finally {
      rmdirSync(instance);
    }
  };

  test.for([
    ['volatile', ['volatile'], 0],
    ['ordinary', [], 1],
  ] as const)(
    'the end of a run with %s layers syncs their file system or not',
    ([, options, syncs], context) => {
      context.skip(!existsSync(join(tracing, 'events/ext4/ext4_sync_fs')), 'no trace events of ext4');
      context.skip(box.view.exec(['mkfs.ext4', '-V']).status !== 0, 'no mkfs.ext4');
      let device = '';
      const bundle = box.bundle(made => {
        device = onOwnDisk(made, ...options);
        made.shell('echo written >/etc/written');
      });
      try {
        const counted = syncsOf(device, () => expect(box.run(bundle)).toMatchObject({ status: 0 }));
        expect(Math.min(counted, 1)).toBe(syncs);
        expect(readFileSync(box.view.path(join(bundle.dir, 'mnt/u/etc/written')), 'utf8')).toBe('written\n');
      } finally {
        box.view.sh('umount "$1"', join(bundle.dir, 'mnt'));
      }
    },
  );

  const marker = (bundle: Bundle): string => join(bundle.dir, 'work/work/incompat/volatile');

  test('a volatile upper directory can be used again after delete, and after a failed create', () => {
    const bundle = box.created(having({ options: ['volatile'] }));
    expect(existsSync(marker(bundle))).toBe(true);
    box.must(['delete', bundle.id]);
    expect(existsSync(marker(bundle))).toBe(false);
    bundle.config.process.args = ['/bin/missing'];
    bundle.write();
    expect(box.refuses(bundle).record.code).toBe('container.program-not-found');
    expect(existsSync(marker(bundle))).toBe(false);
    bundle.shell('true');
    bundle.write();
    expect(box.run(bundle)).toMatchObject({ status: 0 });
    expect(existsSync(marker(bundle))).toBe(false);
  });

  test('after kill -9 a volatile upper directory can be used in the same boot, and in no other', async () => {
    const bundle = box.running(having({ options: ['volatile'] }));
    process.kill(box.state(bundle.id).pid, 'SIGKILL');
    await until('it has stopped', () => box.state(bundle.id).status === 'stopped');
    expect(existsSync(marker(bundle))).toBe(true);
    const again = (): Bundle =>
      box.bundle(made => {
        made.config = { ...bundle.config, process: { ...bundle.config.process, args: ['/bin/true'] } };
        made.config.root.path = bundle.rootfs;
      });
    const record = join(box.root, bundle.id, 'state.json');
    const text = readFileSync(record, 'utf8');
    writeFileSync(
      record,
      text.replace(/"bootId":"[^"]*"/, '"bootId":"00000000-0000-0000-0000-000000000000"'),
    );
    const refused = box.refuses(again()).record;
    expect(refused).toMatchObject({
      code: 'state.layer-unsynced',
      path: marker(bundle),
      pointer: expect.stringMatching(/^\/mounts\/0\/options\/\d$/),
    });
    // A delete in another boot leaves the marker.
    writeFileSync(record, text);
    expect(box.run(again())).toMatchObject({ status: 0, stderr: '' });
  });

  test('the marker of an unknown boot is refused', () => {
    const bundle = box.bundle(having({ options: ['volatile'] }));
    mkdirSync(marker(bundle), { recursive: true });
    expect(box.refuses(bundle).record.code).toBe('state.layer-unsynced');
  });

  test.for(['volatile', 'in a user namespace'])(
    'its runtime leaves nothing when it is killed at any moment: %s',
    (how, context) => {
      context.skip(host !== 'standalone', 'any thread of Node may make a system call');
      context.skip(missing('strace') !== undefined, 'no strace');
      const mapped = how !== 'volatile';
      context.skip(mapped && missing('kernel:6.15') !== undefined, missing('kernel:6.15'));
      const bundle = box.bundle(
        having({ options: ['volatile'] }, made => {
          if (!mapped) return;
          for (const name of ['upper', 'work']) chownSync(join(made.dir, name), first, first);
          mapUsers(made);
        }),
      );
      const before = box.traces();
      const args = ['create', '--bundle', bundle.dir, bundle.id];
      mkdirSync(box.root, { recursive: true, mode: 0o700 });
      const moments = tracedCalls(box, args, bundle.id);
      box.must(['delete', '--force', bundle.id]);
      let killed = 0;
      for (const moment of moments) {
        if (!killedAt(box, moment, args)) continue;
        killed += 1;
        box.must(['delete', '--force', bundle.id]);
        expect({ at: moment.line, left: existsSync(marker(bundle)) }).toEqual({
          at: moment.line,
          left: false,
        });
      }
      expect(killed).toBeGreaterThan(20);
      expect(box.traces()).toEqual(before);
    },
  );

  test('on a kernel without an option for each layer one call mounts all of them', () => {
    const lowers = Array.from({ length: 499 }, (_, index) => layer({ [`etc/of-${index}`]: '' }));
    const bundle = box.bundle(
      having({ lowers, options: ['volatile', 'nosuid'] }, made => {
        made.shell('ls /etc | wc -l; echo new >/etc/written; cat /proc/self/mountinfo');
      }),
    );
    // uname(2) then reports version 2.6 to this process.
    const old = (...args: string[]) => box.view.exec(['setarch', '--uname-2.6', ...box.command(...args)]);
    const trace = old('run', '--bundle', bundle.dir, bundle.id);
    expect(trace).toMatchObject({ status: 0, stderr: '' });
    const [count, root] = trace.stdout.split('\n');
    expect(count?.trim()).toBe('501');
    expect(root).toMatch(/ \/ \/ rw,nosuid,relatime - overlay overlay rw,lowerdir=\d+:\d+:/);
    expect(readFileSync(join(bundle.dir, 'upper/etc/written'), 'utf8')).toBe('new\n');
    const lacking = box.bundle(
      having({ options: [`lowerdir+=${join(box.dir, 'missing')}`] }, made => made.shell('true')),
    );
    const refused = old('--log-format', 'json', 'run', '--bundle', lacking.dir, lacking.id);
    expect(JSON.parse(refused.stderr)).toMatchObject({
      code: 'container.mount',
      pointer: '/mounts/0/options/1',
      errnoName: 'ENOENT',
    });
  });

  test('keeps the propagation of rootfsPropagation', () => {
    const report = box.inside(
      having({}, made => {
        made.config.linux.rootfsPropagation = 'shared';
      }),
    );
    expect(mountAt(report, '/').propagation).toEqual(['shared']);
    expect(mountAt(box.inside(having()), '/').propagation).toEqual([]);
  });
});

describe.skipIf(requires('root', 'busybox', 'filesystem:overlay') || !isTsubo)(
  'a user other than root',
  () => {
    const box = sandbox('unified', asUser());
    prepareUser(box);

    test('has a union as the root, with the marks of overlay in attributes of users', context => {
      context.skip(missing('kernel:5.11') !== undefined, missing('kernel:5.11'));
      const bundle = box.bundle(made => {
        unprivileged(made);
        const image = join(made.dir, 'image');
        const [upper, work, top] = ['upper', 'work', 'top'].map(name => join(made.dir, name)) as [
          string,
          string,
          string,
        ];
        box.view.sh('mv "$1" "$2" && mkdir "$1"', made.rootfs, image);
        for (const path of [upper, work, top, join(top, 'etc')]) {
          mkdirSync(path);
          chownSync(path, user, user);
        }
        writeFileSync(join(top, 'etc/of-layer'), 'seen\n');
        made.config.mounts.unshift({
          destination: '/',
          type: 'overlay',
          source: 'overlay',
          options: [`lowerdir=${top}:${image}`, `upperdir=${upper}`, `workdir=${work}`, 'userxattr'],
        });
        made.shell('cat /etc/of-layer; rm -r /tmp; mkdir /tmp; echo new >/tmp/written; rm /etc/of-layer');
      });
      const done = box.run(bundle);
      expect(done).toMatchObject({ status: 0, stdout: 'seen\n', stderr: '' });
      const written = lstatSync(join(bundle.dir, 'upper/tmp/written'));
      expect([written.uid, written.gid]).toEqual([user, user]);
      expect(lstatSync(join(bundle.dir, 'upper/etc/of-layer')).isCharacterDevice()).toBe(true);
      expect(existsSync(join(bundle.dir, 'top/etc/of-layer'))).toBe(true);
    });
  },
);

/** Set if the kernel takes all layers in one call, and therefore reports no option. */
const layersInOneCall = missing('kernel:6.8');

/** Where the kernel counts events. */
const tracing = '/sys/kernel/tracing';

type Probes = Readonly<Record<string, { readonly write?: number } | undefined>>;
