// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { host, isTsubo } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';
import { command, explained, large, report } from './commands.ts';

describe.skipIf(!isTsubo || requires('root', 'busybox', 'cgroup2'))('a machine without', () => {
  const box = sandbox();
  const sleeping = () =>
    box.bundle(made => {
      made.config.process.args = ['/bin/sleep', '1000'];
    });
  /** A tmpfs at the directory of --root. */
  const mountState = (options: string) => {
    mkdirSync(box.root, { recursive: true });
    box.view.sh('mount -t tmpfs -o "$2" tmpfs "$1"', box.root, options);
  };
  afterEach(() => {
    box.view.exec(['/bin/sh', '-c', 'while umount -l "$0"; do :; done', box.root]);
  });
  const inView = (name: string) => join(box.view.path(box.root), name);

  test('space for the state: each amount gives a container or an explained refusal', async () => {
    const bundle = sleeping();
    let refused = 0;
    let made = 0;
    mountState('size=256k,mode=700');
    for (let pages = 0; pages <= 48 && made < 3; pages++) {
      // Fills the file system except for this number of pages.
      const filler = inView('filler');
      box.view.exec([
        '/bin/sh',
        '-c',
        'dd if=/dev/zero of="$1" bs=4096 2>/dev/null',
        'sh',
        join(box.root, 'filler'),
      ]);
      box.view.sh(
        'truncate -s "$(($(stat -c %s "$1") - $2 * 4096))" "$1"',
        join(box.root, 'filler'),
        String(pages),
      );
      const args = ['create', '--bundle', bundle.dir, bundle.id];
      const ended = await command(box, args);
      const code = explained(args, ended);
      if (code === undefined) {
        made++;
        expect(explained(['start'], await command(box, ['start', bundle.id]))).toBeUndefined();
        await command(box, ['exec', bundle.id, '/bin/true']);
      } else {
        refused++;
        expect(ended.error?.['errnoName']).toBe('ENOSPC');
        expect(ended.error?.msg).toContain('no space left on device');
      }
      // A full disk does not prevent the removal.
      expect(explained(['delete'], await command(box, ['delete', '--force', bundle.id]))).toBeUndefined();
      rmSync(filler);
    }
    expect([refused > 0, made]).toEqual([true, 3]);
    report(`full disk: ${refused} refusals, ${made} containers`);
  }, 600_000);

  test('inodes for the state: each number gives a container or an explained refusal', async () => {
    const bundle = sleeping();
    let refused = 0;
    for (let inodes = 1; ; inodes++) {
      mountState(`nr_inodes=${inodes},mode=700`);
      const args = ['create', '--bundle', bundle.dir, bundle.id];
      const ended = await command(box, args);
      const code = explained(args, ended);
      expect(explained(['delete'], await command(box, ['delete', '--force', bundle.id]))).toBeUndefined();
      box.view.sh('umount "$1"', box.root);
      if (code === undefined) break;
      refused++;
      expect(ended.error?.['errnoName']).toBe('ENOSPC');
      expect(inodes).toBeLessThan(40);
    }
    expect(refused).toBeGreaterThan(0);
  }, 600_000);

  test('a writable state directory: nothing is made, containers run on, and can be deleted later', async () => {
    const bundle = sleeping();
    mountState('mode=700');
    box.create(bundle);
    box.must(['start', bundle.id]);
    const other = sleeping();
    box.view.sh('mount -o remount,ro "$1"', box.root);
    const refusals = [
      ['create', '--bundle', other.dir, other.id],
      ['delete', '--force', bundle.id],
    ];
    const before = box.traces();
    const create = await command(box, refusals[0] ?? []);
    expect([explained(refusals[0] ?? [], create), create.error?.['errnoName']]).toEqual([
      'host.syscall',
      'EROFS',
    ]);
    expect(create.error?.['hint']).toContain('--root');
    expect(box.traces()).toEqual(before);
    expect(box.state(bundle.id).status).toBe('running');
    expect(box.oci(['exec', bundle.id, '/bin/true']).status).toBe(0);
    const removal = await command(box, refusals[1] ?? []);
    expect([explained(refusals[1] ?? [], removal), removal.error?.['errnoName']]).toEqual([
      'host.syscall',
      'EROFS',
    ]);
    box.view.sh('mount -o remount,rw "$1"', box.root);
    box.must(['delete', '--force', bundle.id]);
  }, 600_000);

  /** Executes commands of a whole life under a limit of the shell, with each value from `from` to `to`. */
  const underLimits = async (limit: (value: number) => string, values: readonly number[], errors: RegExp) => {
    const bundle = sleeping();
    let refused = 0;
    let whole = 0;
    for (const value of values) {
      const before = box.traces();
      let all = true;
      for (const args of [
        ['create', '--bundle', bundle.dir, bundle.id],
        ['start', bundle.id],
        ['exec', bundle.id, '/bin/true'],
        ['state', bundle.id],
        ['list'],
      ]) {
        const ended = await command(box, args, { shell: limit(value) });
        // The kernel ends a program whose segments do not fit, and a shell without descriptors executes nothing.
        if (ended.error === undefined && ended.status !== 0) {
          all = false;
          continue;
        }
        const code = explained(args, ended);
        if (code === undefined) continue;
        all = false;
        refused++;
        if (code !== 'state.not-found' && code !== 'state.not-running')
          expect(`${value} ${args[0]}: ${ended.error?.msg}`).toMatch(errors);
      }
      if (all) whole++;
      // Without the limit.
      expect(explained(['delete'], await command(box, ['delete', '--force', bundle.id]))).toBeUndefined();
      expect(box.traces()).toEqual(before);
    }
    return { refused, whole };
  };

  test('descriptors: each limit gives an explained refusal or works', async () => {
    const values = Array.from({ length: large ? 40 : 14 }, (_, index) => (large ? 3 + index : 3 + 2 * index));
    const { refused, whole } = await underLimits(
      value => `ulimit -n ${value}`,
      values,
      /too many open files/,
    );
    expect([refused > 0, whole > 0]).toEqual([true, true]);
    report(`few descriptors: ${refused} refusals at ${values.length} limits`);
  }, 1_200_000);

  test.skipIf(host === 'node')(
    'address space: each limit gives an explained refusal or works',
    async () => {
      // The size of the executable: below, the kernel ends it before it runs.
      let least = 1000;
      while ((await command(box, ['features'], { shell: `ulimit -v ${least}` })).status !== 0) least += 250;
      const step = large ? 20 : 100;
      const values = Array.from({ length: 2000 / step }, (_, index) => least - 250 + step * index);
      const { refused, whole } = await underLimits(
        value => `ulimit -v ${value}`,
        values,
        /out of memory|cannot allocate memory/,
      );
      expect([refused > 0, whole > 0]).toEqual([true, true]);
      report(`little memory: ${refused} refusals at ${values.length} limits`);
    },
    1_200_000,
  );

  test('process ids: a full pid namespace gives an explained refusal, and works again afterwards', async () => {
    const bundle = sleeping();
    // The limit of a pid namespace (Linux 6.14) or, before, of the machine does not fit here: the container's own
    // limit is full instead.
    bundle.config.linux.resources = { pids: { limit: 1 } };
    bundle.write();
    const controllers = box.view.sh('cat /sys/fs/cgroup/cgroup.controllers');
    const ended = await command(box, ['create', '--bundle', bundle.dir, bundle.id]);
    if (!controllers.split(/\s/).includes('pids')) {
      expect(ended.error?.code).toBe('host.cgroup-controller');
      return;
    }
    expect(explained(['create'], ended)).toBeUndefined();
    expect(explained(['start'], await command(box, ['start', bundle.id]))).toBeUndefined();
    const exec = await command(box, ['exec', bundle.id, '/bin/true']);
    expect([exec.status, exec.error?.['errnoName']]).toEqual([255, 'EAGAIN']);
    box.must(['update', '--pids-limit', '10', bundle.id]);
    box.must(['exec', bundle.id, '/bin/true']);
  }, 600_000);

  test('a state directory that is a file explains it', async () => {
    const { dir } = sleeping();
    rmSync(box.root, { recursive: true, force: true });
    writeFileSync(box.root, '');
    const args = ['create', '--bundle', dir, 'x'];
    const ended = await command(box, args);
    expect([explained(args, ended), ended.error?.['errnoName']]).toEqual(['host.syscall', 'EEXIST']);
    rmSync(box.root);
    mkdirSync(box.root);
  });
});
