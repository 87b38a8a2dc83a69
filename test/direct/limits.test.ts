// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it } from 'vitest';
import { directMachine } from '../helpers/direct.ts';
import { requires } from '../helpers/requires.ts';

const skipped = requires('root', 'busybox', 'cgroup2:memory', 'cgroup2:cpu', 'cgroup2:pids');

describe.skipIf(skipped)('a container of an image', () => {
  const machine = directMachine();
  beforeEach(() => void machine.image('base'));

  const none = ['--network', 'none'];
  const read = (...names: readonly string[]) => ['cat', ...names.map(name => `/sys/fs/cgroup/${name}`)];

  it('has the limits of memory, processors and processes that it is given', () => {
    const limits = ['--memory', '64m', '--cpus', '0.5', '--pids-limit', '50'];
    const files = read('memory.max', 'cpu.max', 'pids.max');
    expect(machine.done('run', '--rm', ...none, ...limits, 'base', ...files)).toBe(
      `${64 << 20}\n50000 100000\n50\n`,
    );
  });

  it('has none without options', () => {
    expect(machine.done('run', '--rm', ...none, 'base', ...read('memory.max', 'cpu.max'))).toBe(
      'max\nmax 100000\n',
    );
  });

  it('is killed when its memory is used up, and its record contains that cause', () => {
    const { status } = machine.container(
      'run',
      '--name',
      'job',
      ...none,
      '--memory',
      '16m',
      'base',
      'tail',
      '/dev/zero',
    );
    expect(status).toBe(137);
    expect(machine.inspect('job').State).toMatchObject({ Status: 'exited', ExitCode: 137, OOMKilled: true });
  });

  it('gets other limits at once, and a refused one changes nothing', () => {
    machine.detached('--name', 'web', ...none, '--pids-limit', '50', 'base', 'sleep', '1000');
    machine.done('update', '--pids-limit', '60', '--memory', '32m', 'web');
    expect(machine.done('exec', 'web', ...read('pids.max', 'memory.max'))).toBe(`60\n${32 << 20}\n`);
    machine.fails(1, 'update', '--cpuset-cpus', '4095', 'web');
    expect(machine.done('exec', 'web', ...read('cpu.max'))).toBe('max 100000\n');
  });
});
