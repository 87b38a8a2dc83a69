// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';
import { command, explained, inParallel, large, report } from './commands.ts';

describe.skipIf(!isTsubo || requires('root', 'busybox', 'cgroup2'))('very many', () => {
  const box = sandbox();

  const count = large ? 2000 : 100;
  test(`containers: ${count} are created, listed, started and deleted`, async () => {
    const bundle = box.bundle(made => {
      made.config.process.args = ['/bin/sleep', '1000'];
    });
    const id = (number: number) => `${box.name}-m${number}`;
    const all = async (what: string, args: (number: number) => string[]) => {
      const began = performance.now();
      await inParallel(count, 4, async number => {
        expect(explained(args(number), await command(box, args(number)))).toBeUndefined();
      });
      report(`${what}: ${((performance.now() - began) / count).toFixed(1)} ms each`);
    };
    await all('create', number => ['create', '--bundle', bundle.dir, id(number)]);
    const began = performance.now();
    const listed = box.must(['list', '--quiet']).stdout.trim().split('\n');
    report(`list of ${count}: ${(performance.now() - began).toFixed(0)} ms`);
    expect(new Set(listed)).toEqual(new Set(Array.from({ length: count }, (_, number) => id(number))));
    await all('start', number => ['start', id(number)]);
    const states = JSON.parse(box.must(['list', '--format', 'json']).stdout) as { status: string }[];
    expect(states.filter(({ status }) => status === 'running')).toHaveLength(count);
    await all('delete', number => ['delete', '--force', id(number)]);
    expect(box.must(['list', '--quiet']).stdout.trim()).toBe('');
  }, 3_000_000);

  const mounts = large ? 10_000 : 500;
  test(`mounts: a config with ${mounts} of them gives a container, and all are gone with it`, () => {
    const before = box.view.mounts().length;
    const bundle = box.bundle(made => {
      made.config.process.args = ['/bin/sleep', '1000'];
      for (let number = 0; number < mounts; number++) {
        made.config.mounts.push({
          destination: `/m/${number}`,
          type: 'tmpfs',
          source: 'tmpfs',
          options: ['size=4k'],
        });
      }
    });
    const began = performance.now();
    box.create(bundle);
    box.must(['start', bundle.id]);
    report(`${mounts} mounts: ${(performance.now() - began).toFixed(0)} ms`);
    const shown = box.must([
      'exec',
      bundle.id,
      '/bin/sh',
      '-c',
      'grep -c " /m/" /proc/self/mountinfo',
    ]).stdout;
    expect(Number(shown)).toBe(mounts);
    box.must(['delete', '--force', bundle.id]);
    expect(box.view.mounts()).toHaveLength(before);
  }, 3_000_000);

  test(`mounts of the machine: with ${mounts} a container is made and deleted`, () => {
    const directory = box.mkdir('mounts');
    box.view.sh(
      'mount -t tmpfs tmpfs "$1"; i=0; while [ $i -lt "$2" ]; do mkdir "$1/$i"; mount --bind "$1/$i" "$1/$i"; i=$((i + 1)); done',
      directory,
      String(mounts),
    );
    try {
      const began = performance.now();
      const bundle = box.running();
      report(`a container beside ${mounts} mounts: ${(performance.now() - began).toFixed(0)} ms`);
      expect(box.oci(['exec', bundle.id, '/bin/true']).status).toBe(0);
      box.must(['delete', '--force', bundle.id]);
    } finally {
      box.view.sh('umount -l "$1"', directory);
    }
  }, 3_000_000);
});
