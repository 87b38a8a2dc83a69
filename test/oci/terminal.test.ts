// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Bundle, bind } from '../helpers/bundle.ts';
import { companions } from '../helpers/companions.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo, runtime } from '../helpers/runtime.ts';
import { sandbox, until } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox', 'g++'))('a terminal', () => {
  const box = sandbox();
  const beside = companions();

  /** A helper that listens on a console socket, and then is the terminal emulator. */
  const receiver = (path = join(box.mkdir('console'), 's')) =>
    beside.listening('terminal', ['receive', path], path);

  /** Runs on a terminal; prints the size and the type of its streams, then its input. */
  const interactive = (modify: (bundle: Bundle) => void = () => {}) =>
    box.bundle(made => {
      made.config.process.terminal = true;
      made.shell('echo ready; read line; echo "<$line>"');
      modify(made);
    });

  const started = async (bundle: Bundle, socket: Awaited<ReturnType<typeof receiver>>) => {
    box.create(bundle, '--console-socket', socket.path);
    await until('it is handed over', () => socket.stderr().includes('received'));
    box.must(['start', bundle.id]);
  };

  test('is sent to the console socket, and the program uses it', async () => {
    const socket = await receiver();
    const bundle = interactive();
    await started(bundle, socket);
    await until('the program runs', () => socket.stdout() === 'ready\r\n');
    socket.child.stdin?.write('hello\n');
    // The terminal echoes the input.
    await until('it answers', () => socket.stdout() === 'ready\r\nhello\r\n<hello>\r\n');
    await until('it hangs up at the end', () => socket.stderr().endsWith('hangup\n'));
    expect(socket.stderr()).toContain('received /dev/');
  });

  test('is the controlling terminal and /dev/console, and all three streams', async () => {
    const socket = await receiver();
    const bundle = interactive(made => {
      made.shell(
        `for fd in 0 1 2; do readlink /proc/self/fd/$fd; done
         stat -c '%t:%T %u:%g' /dev/pts/0 /dev/console
         grep -c ' /dev/console .* - devpts ' /proc/self/mountinfo
         cut -d' ' -f6,7 /proc/self/stat
         echo >/dev/tty through`,
      );
      made.config.process.user = { uid: 1000, gid: 1000 };
    });
    bundle.symlink('/bin/cut', 'busybox');
    await started(bundle, socket);
    await until('it ends', () => socket.stderr().endsWith('hangup\n'));
    const device = '88:0 1000:5';
    // Session 1; the terminal has the number 136:0.
    const expected = [
      '/dev/pts/0',
      '/dev/pts/0',
      '/dev/pts/0',
      device,
      device,
      '1',
      '1 34816',
      'through',
      '',
    ];
    expect(socket.stdout().split('\r\n')).toEqual(expected);
  });

  test('has no further descriptor', async () => {
    const socket = await receiver();
    const bundle = interactive(made => made.shell('ls /proc/self/fd'));
    await started(bundle, socket);
    await until('it ends', () => socket.stderr().endsWith('hangup\n'));
    // Descriptor 3 belongs to ls.
    expect(socket.stdout().split(/\s+/)).toEqual(['0', '1', '2', '3', '']);
  });

  test.each([
    [{ height: 40, width: 120 }, '40x120'],
    [{ height: 0, width: 120 }, '0x0'],
    [{ height: 65535, width: 1 }, '65535x1'],
  ])('has the size of consoleSize %j: %s', async (consoleSize, expected) => {
    const socket = await receiver();
    const bundle = interactive(made => {
      made.config.process.consoleSize = consoleSize;
    });
    await started(bundle, socket);
    expect(socket.stderr()).toContain(` ${expected}\n`);
  });

  test('reports a new size to the program', async () => {
    const socket = await receiver();
    const bundle = interactive(made => {
      made.config.process.consoleSize = { height: 24, width: 80 };
      made.shell(`trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.01; done`);
    });
    bundle.symlink('/bin/stty', 'busybox');
    await started(bundle, socket);
    await until('the program runs', () => socket.stdout() === 'ready\r\n');
    socket.child.kill('SIGWINCH');
    await until('it prints the new size', () => socket.stdout().endsWith('25 81\r\n'));
  });

  test('is from the devpts in a /dev of the host, whose ptmx is a device node', async () => {
    const dev = box.mkdir('dev');
    box.view.sh('cd "$1"; mknod -m 600 ptmx c 5 2; mknod -m 666 null c 1 3; mkdir pts; touch console', dev);
    const socket = await receiver();
    const bundle = interactive(made => {
      made.config.mounts = made.config.mounts.filter(
        ({ destination }) => !/^\/dev(\/[^p]|$)/.test(destination),
      );
      const pts = made.config.mounts.findIndex(({ destination }) => destination === '/dev/pts');
      made.config.mounts.splice(pts, 0, bind(dev, '/dev'));
    });
    await started(bundle, socket);
    await until('the program runs', () => socket.stdout() === 'ready\r\n');
    expect(box.view.sh('stat -c "%a %u %t:%T" "$1"', join(dev, 'ptmx')).trim()).toBe('600 0 5:2');
  });

  test('of run --detach is sent too', async () => {
    const socket = await receiver();
    const bundle = interactive();
    box.must(['run', '-d', '--bundle', bundle.dir, '--console-socket', socket.path, bundle.id]);
    await until('the program runs', () => socket.stdout() === 'ready\r\n');
  });

  test('is sent to a socket whose path is relative to the working directory', async () => {
    const socket = await receiver();
    const bundle = interactive();
    const name = basename(socket.path);
    const args = ['create', '--bundle', bundle.dir, '--console-socket', name, bundle.id];
    const cwd = join(socket.path, '..');
    if (disagrees('runc', 'resolves it relative to the bundle')) {
      expect(box.fails(args, { cwd }).message).toContain('no such file or directory');
      return;
    }
    box.must(args, { cwd });
    await until('it is handed over', () => socket.stderr().includes('received'));
  });

  test('is sent to a socket whose path is longer than a socket address', async () => {
    const path = join(box.mkdir('x'.repeat(120)), 's');
    const socket = await receiver(path);
    const bundle = interactive();
    const args = ['create', '--bundle', bundle.dir, '--console-socket', path, bundle.id];
    if (disagrees('runc', 'cannot connect to it')) {
      expect(box.fails(args).message).toContain('connect: invalid argument');
      return;
    }
    box.must(args);
    await until('it is handed over', () => socket.stderr().includes('received'));
  });

  test('hangs up when its master is closed', async () => {
    const socket = await receiver();
    const bundle = interactive(made =>
      made.shell('trap "exit 3" HUP; echo ready; while :; do sleep 0.01; done'),
    );
    await started(bundle, socket);
    await until('the program runs', () => socket.stdout() === 'ready\r\n');
    socket.child.kill('SIGKILL');
    await until('the container ends', () => box.state(bundle.id).status === 'stopped');
  });

  test('needs a console socket if the runtime detaches', () => {
    const bundle = interactive();
    const text = `cannot allocate tty if ${runtime.name} will detach without setting console socket`;
    const before = box.traces();
    box.failsWith(['create', '--bundle', bundle.dir, bundle.id], text, 'usage.console-socket');
    box.failsWith(['run', '-d', '--bundle', bundle.dir, bundle.id], text, 'usage.console-socket');
    expect(box.traces()).toEqual(before);
  });

  test('must be requested if there is a console socket, and the runtime must detach', async () => {
    const socket = await receiver();
    const text = `cannot use console socket if ${runtime.name} will not detach or allocate tty`;
    const flags = ['--console-socket', socket.path];
    const without = box.bundle();
    box.failsWith(['create', '--bundle', without.dir, ...flags, without.id], text, 'usage.console-socket');
    const bundle = interactive();
    box.failsWith(['run', '--bundle', bundle.dir, ...flags, bundle.id], text, 'usage.console-socket');
  });

  test('that cannot be sent fails the create, without traces', () => {
    const bundle = interactive();
    const before = box.traces();
    const path = join(box.mkdir('console'), 'missing');
    const failure = box.fails(['create', '--bundle', bundle.dir, '--console-socket', path, bundle.id]);
    expect(failure.message).toContain('no such file or directory');
    if (isTsubo) {
      expect(failure.record).toMatchObject({ code: 'host.syscall', syscall: 'connect', errnoName: 'ENOENT' });
    }
    expect(box.traces()).toEqual(before);
    if (existsSync(box.root)) expect(readdirSync(box.root)).toEqual([]);
  });

  test('needs a devpts', async () => {
    const socket = await receiver();
    const bundle = interactive(made => made.unmount('/dev/pts'));
    const failure = box.fails(['create', '--bundle', bundle.dir, '--console-socket', socket.path, bundle.id]);
    expect(failure.status).toBe(1);
    if (isTsubo) {
      expect(failure.record).toMatchObject({ code: 'container.terminal', pointer: '/process/terminal' });
    }
  });

  test('does not follow a /dev/console that is a link in the image', async () => {
    const socket = await receiver();
    const bundle = interactive(made => {
      // The /dev of the root itself.
      made.unmount('/dev');
      made.config.mounts.push({
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
      });
      made.symlink('/dev/console', '../etc/target');
      made.file('/etc/target', 'untouched');
      made.shell('cat /etc/target');
    });
    const args = ['create', '--bundle', bundle.dir, '--console-socket', socket.path, bundle.id];
    if (disagrees('runc 1.1', 'mounts the terminal over the target of the link')) {
      box.must(args);
      return;
    }
    expect(box.fails(args).record).toMatchObject({ code: 'container.terminal', errnoName: 'ELOOP' });
  });
});
