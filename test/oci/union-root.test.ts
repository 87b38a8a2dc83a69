// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { mountAt } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

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

  /** `:` and `,` are separators, and a backslash is before a character that is none. */
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

  test('1: shows the layers, and writes go to the upper one only', () => {
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

  test('1: has the mount table of crun for the same bundle', context => {
    const crun = box.view.exec(['crun', '--version']);
    const version = Number(/version 1\.(\d+)/.exec(crun.stdout)?.[1] ?? 0);
    context.skip(version < 20, 'no crun that knows a mount on /');
    const table = (command: readonly string[]): string[] => {
      const bundle = box.bundle(
        having({ lowers: [layer()] }, made => {
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

  test('2: may be only the first mount', () => {
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
  ])('3: %i layers %s', count => {
    const lowers = Array.from({ length: count - 1 }, (_, index) => layer({ [`etc/of-${index}`]: '' }));
    const bundle = box.bundle(having({ lowers }, made => made.shell('ls /etc')));
    if (count === 500) {
      const seen = box.run(bundle).stdout.split('\n');
      expect(seen.filter(name => name.startsWith('of-'))).toHaveLength(499);
      return;
    }
    const { record } = box.refuses(bundle);
    expect(record).toMatchObject({ code: 'config.mount.layers', pointer: '/mounts/0/options/0' });
    expect(record.msg).toContain('501 lower layers, and the kernel takes at most 500');
  });

  test('4: 150 layers with paths of 100 bytes run, which one page of options would not take', () => {
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
  ])('5: a layer may have %s in its path', (_, name) => {
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

  test('6: a missing layer is refused at its own option', () => {
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
        syscall: 'fsconfig',
      });
    }
  });

  test('6: an unknown option is refused at its place, with the words of the kernel', () => {
    const bundle = box.bundle(having({ options: ['xino=off', 'metacpy=on'] }));
    const { record } = box.refuses(bundle);
    expect(record).toMatchObject({ code: 'container.mount', pointer: '/mounts/0/options/2' });
    expect(record.msg).toContain("Unknown parameter 'metacpy'");
  });

  test('7: one layer without an upper one is a read-only bind of it', () => {
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

  test('7: mount points are made in the upper layer also if the root is read-only, and never in a lower one', () => {
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

  test('10: an upper layer on an overlay is refused with the words of the kernel', () => {
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

  test('11: whiteouts and opaque directories hide what is below', () => {
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

  /** Every file below a directory: owner, mode and content. */
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

  test.each([
    ['over layers', true, 2],
    ['read-only over layers', false, 2],
    ['of one layer', false, 1],
  ])(
    '12: in a user namespace a root %s shows files of root as such, and changes no layer',
    (_, upper, count) => {
      const first = 100_000;
      const bundle = box.bundle(made => {
        union(made, { upper, lowers: count === 1 ? [] : [layer({ 'etc/of-layer': 'x' })] });
        made.config.linux.namespaces.push({ type: 'user' });
        const mapping = [{ containerID: 0, hostID: first, size: 65_536 }];
        Object.assign(made.config.linux, { uidMappings: mapping, gidMappings: mapping });
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

  test('12: in a user namespace a missing layer is refused at its own option', () => {
    const bundle = box.bundle(made => {
      union(made, { options: [`lowerdir+=${join(box.dir, 'missing')}`] });
      made.config.linux.namespaces.push({ type: 'user' });
      const mapping = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
      Object.assign(made.config.linux, { uidMappings: mapping, gidMappings: mapping });
    });
    expect(box.refuses(bundle).record).toMatchObject({
      code: 'container.mount',
      pointer: '/mounts/0/options/1',
      errnoName: 'ENOENT',
    });
  });

  test('16: the mount table of the host is the same after runs, creates and deletes', () => {
    const before = box.view.mounts();
    for (let round = 0; round < 100; round++) box.run(box.bundle(having({}, made => made.shell('true'))));
    const bundle = box.created(having());
    expect(box.view.mounts()).toEqual(before);
    box.must(['delete', '--force', bundle.id]);
    expect(box.view.mounts()).toEqual(before);
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
});

type Probes = Readonly<Record<string, { readonly write?: number } | undefined>>;
