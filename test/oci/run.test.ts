// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bind, tmpfs } from '../helpers/bundle.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, runtime } from '../helpers/runtime.ts';
import { sandbox, until } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox'))('run', () => {
  const box = sandbox();
  const script = (text: string) => box.bundle(made => made.shell(text));

  test.each([0, 1, 3, 127, 255])('returns the exit status %i of the program', status => {
    expect(box.run(script(`exit ${status}`)).status).toBe(status);
  });

  test('leaves no traces when the program has ended', () => {
    const before = box.traces();
    expect(box.run(script('exit 3')).status).toBe(3);
    expect(box.traces()).toEqual(before);
  });

  test.each([
    ['KILL', 137],
    ['TERM', 143],
    ['SEGV', 139],
  ])('returns 128 and the number of the signal when %s ends the program', async (signal, status) => {
    // The kernel drops default-action signals to a pid 1; in the pid namespace of the runtime the action applies.
    const bundle = box.bundle(made => {
      made.namespace('pid');
      made.config.linux.maskedPaths = [];
      made.config.process.args = ['/bin/sleep', '1000'];
    });
    const running = box.spawn(['run', '--bundle', bundle.dir, bundle.id]);
    await until(
      'the container runs',
      () => existsSync(`${box.root}/${bundle.id}`) && statusOf(bundle.id) === 'running',
    );
    box.must(['kill', bundle.id, signal]);
    expect(await running.ended).toEqual({ status, signal: null });
  });

  const statusOf = (id: string) => {
    const done = box.oci(['state', id]);
    return done.status === 0 ? (JSON.parse(done.stdout) as { status: string }).status : 'none';
  };

  test.each(['HUP', 'INT', 'QUIT', 'USR1', 'USR2', 'TERM', 'CONT', 'ALRM', '37'])(
    'forwards %s to the program',
    async signal => {
      const bundle = script(`trap 'echo got; exit 42' ${signal}; echo ready; while :; do sleep 0.01; done`);
      const running = box.spawn(['run', '--bundle', bundle.dir, bundle.id]);
      await until('the program is ready', () => running.stdout() === 'ready\n');
      box.view.sh('kill -s "$1" "$2"', signal, String(running.child.pid));
      expect(await running.ended).toEqual({ status: 42, signal: null });
      expect(running.stdout()).toBe('ready\ngot\n');
    },
  );

  test('does not forward WINCH, URG and CHLD', async () => {
    const bundle = script(
      `trap 'echo got' WINCH URG; trap 'exit 7' USR1; echo ready; while :; do sleep 0.01; done`,
    );
    const running = box.spawn(['run', '--bundle', bundle.dir, bundle.id]);
    await until('the program is ready', () => running.stdout() === 'ready\n');
    for (const signal of ['WINCH', 'URG', 'CHLD'])
      process.kill(running.child.pid as number, `SIG${signal}` as NodeJS.Signals);
    process.kill(running.child.pid as number, 'SIGUSR1');
    expect((await running.ended).status).toBe(7);
    expect(running.stdout()).toBe('ready\n');
  });

  test('connects standard input, output and error', async () => {
    const running = box.spawn(['run', '--bundle', script('cat; echo bad >&2').dir, `${box.name}-io`]);
    running.child.stdin?.end('through the jar');
    expect((await running.ended).status).toBe(0);
    expect(running.stdout()).toBe('through the jar');
    expect(running.stderr()).toBe('bad\n');
  });

  test('transfers all of a large output', async () => {
    const bundle = script('head -c 3000000 /dev/zero; echo end');
    const running = box.spawn(['run', '--bundle', bundle.dir, bundle.id]);
    expect((await running.ended).status).toBe(0);
    expect(running.stdout().length).toBe(3_000_004);
    expect(running.stdout().endsWith('end\n')).toBe(true);
  });

  test('transfers all output of a program that ends at once', async () => {
    for (let i = 0; i < 5; i++) {
      const bundle = box.bundle(made => {
        made.config.process.args = ['/bin/echo', 'quick'];
      });
      const running = box.spawn(['run', '--bundle', bundle.dir, bundle.id]);
      expect(await running.ended).toEqual({ status: 0, signal: null });
      expect(running.stdout()).toBe('quick\n');
    }
  });

  test('does not read standard input, which the program inherits', () => {
    const bundle = script('read line; echo "$line"');
    expect(box.run(bundle, { input: 'one\ntwo\n' }).stdout).toBe('one\n');
  });

  test('ends the processes that the program left in its pid namespace', () => {
    const before = box.traces();
    expect(box.run(script('sleep 1000 & exit 4')).status).toBe(4);
    expect(box.traces()).toEqual(before);
  });

  test('ends the processes that the program left in the pid namespace of the runtime', () => {
    const before = box.traces();
    const bundle = box.bundle(made => {
      made.shell('sleep 1000 & exit 4');
      made.namespace('pid');
      made.config.linux.maskedPaths = [];
    });
    expect(box.run(bundle).status).toBe(4);
    expect(box.traces().processes).toEqual(before.processes);
  });

  test('refuses an id that is taken, and leaves that container unchanged', () => {
    const other = box.running();
    const failure = box.fails(['run', '--bundle', other.dir, other.id]);
    expect(failure.status).toBe(1);
    expect(failure.message).toContain('container with given ID already exists');
    expect(box.state(other.id).status).toBe('running');
  });

  test('reports a failure in the form that engines expect', () => {
    const bundle = box.bundle(made => {
      made.config.process.args = ['/bin/nope'];
    });
    const failure = box.fails(['run', '--bundle', bundle.dir, bundle.id]);
    expect(failure.status).toBe(1);
    expect(failure.message.startsWith(`${runtime.name} run failed: `)).toBe(true);
    expect(failure.message).toContain('exec: "/bin/nope": stat /bin/nope: no such file or directory');
  });

  test('writes the pid of the init before the program runs', () => {
    const file = box.fresh('pid');
    const bundle = box.bundle(made => {
      made.config.mounts.push({ destination: '/pids', type: 'bind', source: box.dir, options: ['bind'] });
      made.shell(`cat /pids/${file.slice(box.dir.length + 1)}`);
    });
    expect(box.run(bundle, {}, '--pid-file', file).stdout).toMatch(/^\d+$/);
    expect(readFileSync(file, 'utf8')).toMatch(/^\d+$/);
    rmSync(file);
  });

  describe('--detach', () => {
    test('returns while the program runs', () => {
      const bundle = box.bundle(made => {
        made.config.process.args = ['/bin/sleep', '1000'];
      });
      expect(box.run(bundle, {}, '--detach').status).toBe(0);
      expect(box.state(bundle.id)).toMatchObject({ status: 'running' });
    });

    test('leaves the stopped container for delete', async () => {
      const bundle = script('exit 5');
      expect(box.run(bundle, {}, '-d').status).toBe(0);
      await until('it has stopped', () => box.state(bundle.id).status === 'stopped');
      box.must(['delete', bundle.id]);
    });

    test('leaves no process of the runtime', async () => {
      const before = box.traces().processes;
      const bundle = box.bundle(made => {
        made.config.process.args = ['/bin/sleep', '1000'];
      });
      box.run(bundle, {}, '-d');
      const fresh = () =>
        box
          .traces()
          .processes.filter(line => !before.includes(line))
          .map(line => line.replace(/^\d+ /, ''));
      if (disagrees('runc 1.1', 'returns from start before the program has been executed')) {
        await until('the program is executed', () => fresh()[0] === '/bin/sleep 1000');
      }
      expect(fresh()).toEqual(['/bin/sleep 1000']);
    });
  });

  test('--keep leaves the stopped container', () => {
    const bundle = script('exit 6');
    expect(box.run(bundle, {}, '--keep').status).toBe(6);
    expect(box.state(bundle.id)).toMatchObject({ status: 'stopped', pid: 0 });
    box.must(['delete', bundle.id]);
  });

  test('works with a minimal environment', () => {
    const bundle = script('echo here');
    const command = box.command('run', '--bundle', bundle.dir, bundle.id);
    const done = box.view.exec(['/usr/bin/env', '-i', 'XDG_RUNTIME_DIR=/run/user/0', ...command]);
    expect(done).toMatchObject({ status: 0, stdout: 'here\n' });
  });

  test('creates the same missing mount points and directories in twelve containers on one root at once', async () => {
    const source = box.source();
    const first = box.bundle();
    const all = Array.from({ length: 12 }, (_, index) => {
      const bundle = box.bundle(made => {
        made.config.root.path = first.rootfs;
        made.config.mounts.push(
          bind(source, '/made/deep/er/directory'),
          bind(join(source, 'note'), '/made/deep/file'),
          tmpfs('/made/other/tmp'),
        );
        made.config.process.cwd = '/made/work/here';
        made.shell(`cat /made/deep/er/directory/note /made/deep/file; pwd; echo ${index}`);
      });
      return box.spawn(['run', '--bundle', bundle.dir, bundle.id]);
    });
    for (const [index, one] of all.entries()) {
      const { status } = await one.ended;
      expect(one.stderr()).toBe('');
      expect(one.stdout()).toBe(`from the hostfrom the host/made/work/here\n${index}\n`);
      expect(status).toBe(0);
    }
  });
});
