// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, test } from 'vitest';
import { directMachine } from '../helpers/direct.ts';
import { requires } from '../helpers/requires.ts';

const skipped = requires('root', 'busybox', 'filesystem:overlay', 'kernel:5.12', 'ip', 'nft');

describe.skipIf(skipped)('mount add with the container of an image', () => {
  const machine = directMachine();
  beforeEach(() => {
    machine.image('busybox');
  });

  test('finds it by its name, by its id and by the beginning of the id', () => {
    const id = machine.detached('--name', 'web', '--network', 'none', 'busybox', 'sleep', '1000');
    const source = machine.box.source();
    for (const name of ['web', id, id.slice(0, 12)]) {
      machine.must('mount', 'add', name, source, '/data', 'ro');
      expect(machine.done('exec', 'web', 'cat', '/data/note')).toContain('from the host');
      expect(machine.must('mount', 'ls', name)).toMatch(/\/data/);
      machine.must('mount', 'rm', name, '/data');
      expect(machine.done('exec', 'web', 'ls', '/data')).toBe('');
    }
  });

  test('a restarted container no longer has the mount', () => {
    machine.detached('--name', 'web', '--network', 'none', 'busybox', 'sleep', '1000');
    machine.must('mount', 'add', 'web', machine.box.source(), '/data');
    machine.done('restart', '-t', '0', 'web');
    expect(machine.done('exec', 'web', 'ls', '/data')).toBe('');
    expect(machine.must('mount', 'ls', 'web')).not.toMatch(/\/data/);
  });
});
