// SPDX-License-Identifier: Apache-2.0
import { readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { companions } from '../helpers/companions.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo, runtime } from '../helpers/runtime.ts';
import { sandbox, until } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox', 'cgroup2', 'g++'))('exec on a terminal', () => {
  const box = sandbox();
  const beside = companions();

  const listener = (kind: 'receive' | 'pidfd') => {
    const path = join(box.mkdir('socket'), 's');
    return beside.listening('terminal', [kind, path], path);
  };
  const document = (value: unknown): string => {
    const path = join(box.mkdir('process'), 'process.json');
    writeFileSync(path, JSON.stringify(value));
    return path;
  };
  const running = (modify: (bundle: Bundle) => void = () => {}) =>
    box.running(made => {
      modify(made);
      for (const name of ['stty', 'cut']) made.symlink(`/bin/${name}`, 'busybox');
    });
  const refused = (text: string, args: readonly string[]) => {
    const failure = box.fails(['exec', ...args]);
    expect(failure.status).toBe(255);
    expect(failure.message).toContain(text);
    if (isTsubo) expect(failure.record.code).toBe('usage.console-socket');
  };

  test('sends it to the console socket, and the program uses it', async () => {
    const socket = await listener('receive');
    const bundle = running();
    const script = 'echo ready; read line; echo "<$line>"';
    box.must(['exec', '-t', '-d', '--console-socket', socket.path, bundle.id, '/bin/sh', '-c', script]);
    await until('the program runs', () => socket.stdout() === 'ready\r\n');
    socket.child.stdin?.write('hello\n');
    await until('it answers', () => socket.stdout() === 'ready\r\nhello\r\n<hello>\r\n');
    await until('it hangs up at the end', () => socket.stderr().endsWith('hangup\n'));
  });

  test('opens it in the devpts of the container, owned by the user, as controlling terminal and not as console', async () => {
    const socket = await listener('receive');
    const bundle = running();
    const script = `for fd in 0 1 2; do readlink /proc/self/fd/$fd; done
      stat -c '%t:%T %u:%g' /dev/pts/0; ls /proc/self/fd
      [ -e /dev/console ] && echo console; cut -d' ' -f7 /proc/self/stat; echo >/dev/tty through`;
    const args = ['--tty', '--detach', '--user', '1000:1000', '--console-socket', socket.path];
    box.must(['exec', ...args, bundle.id, '/bin/sh', '-c', script]);
    await until('it ends', () => socket.stderr().endsWith('hangup\n'));
    expect(socket.stdout().split(/\s+/)).toEqual([
      '/dev/pts/0',
      '/dev/pts/0',
      '/dev/pts/0',
      '88:0',
      '1000:5',
      '0',
      '1',
      '2',
      '3',
      '34816',
      'through',
      '',
    ]);
  });

  test('from a process document has its size and its user', async () => {
    const socket = await listener('receive');
    const path = document({
      terminal: true,
      consoleSize: { height: 10, width: 110 },
      cwd: '/',
      args: ['/bin/sh', '-c', 'stty size; stat -c %u /dev/pts/0'],
      user: { uid: 7, gid: 8 },
      env: ['PATH=/bin'],
    });
    box.must(['exec', '-d', '-p', path, '--console-socket', socket.path, running().id]);
    await until('it ends', () => socket.stderr().endsWith('hangup\n'));
    expect(socket.stderr()).toContain(' 10x110\n');
    expect(socket.stdout()).toBe('10 110\r\n7\r\n');
  });

  test('has the size of the container only if the container has a terminal', async () => {
    const socket = await listener('receive');
    const bundle = running(made => {
      made.config.process.consoleSize = { height: 2 ** 40, width: 80 };
    });
    box.must(['exec', '-t', '-d', '--console-socket', socket.path, bundle.id, '/bin/true']);
    await until('it is handed over', () => socket.stderr().includes('received'));
    if (!disagrees('runc', 'truncates the value to 16 bits')) expect(socket.stderr()).toContain(' 0x0\n');
  });

  test('refuses wrong combinations with the error texts of runc', async () => {
    const { path } = await listener('receive');
    const { id } = running();
    const none = `cannot allocate tty if ${runtime.name} will detach without setting console socket`;
    const both = `cannot use console socket if ${runtime.name} will not detach or allocate tty`;
    refused(none, ['-t', '-d', id, '/bin/true']);
    refused(both, ['-t', '--console-socket', path, id, '/bin/true']);
    refused(both, ['-d', '--console-socket', path, id, '/bin/true']);
    refused(both, ['--console-socket', path, id, '/bin/true']);
    const withTerminal = document({ terminal: true, cwd: '/', args: ['/bin/true'] });
    refused(none, ['-d', '-p', withTerminal, id]);
    const size = document({
      terminal: true,
      consoleSize: { height: 65536, width: 1 },
      cwd: '/',
      args: ['/bin/true'],
    });
    if (disagrees('runc', 'truncates the value to 16 bits')) return;
    const failure = box.fails(['exec', '-d', '--console-socket', path, '-p', size, id]);
    expect(failure.record).toMatchObject({
      code: 'config.process.consoleSize',
      pointer: '/consoleSize/height',
    });
  });

  test('needs a devpts in the container, and leaves no traces without it', async () => {
    const socket = await listener('receive');
    const bundle = running(made => made.unmount('/dev/pts'));
    const processes = () => box.traces().processes.filter(line => !line.includes(socket.path));
    const before = processes();
    const args = ['-t', '-d', '--console-socket', socket.path, bundle.id, '/bin/true'];
    const failure = box.fails(['exec', ...args]);
    expect(failure.status).toBe(255);
    if (isTsubo) expect(failure.record.code).toBe('container.terminal');
    // runc has connected before the failure: the listener has ended.
    expect(processes()).toEqual(before);
  });

  test('fails if the console socket does not exist, and leaves no traces', () => {
    const bundle = running();
    const before = box.traces();
    const path = join(box.mkdir('socket'), 'missing');
    const failure = box.fails(['exec', '-t', '-d', '--console-socket', path, bundle.id, '/bin/true']);
    expect(failure.status).toBe(255);
    expect(failure.message).toContain('no such file or directory');
    expect(box.traces()).toEqual(before);
  });

  describe('--pidfd-socket', () => {
    const skip = (): boolean => disagrees('runc 1.1', 'has no such option');

    test.each(['create', 'run'])('of %s receives a pidfd of the init', async command => {
      if (skip()) return;
      const socket = await listener('pidfd');
      const bundle = box.bundle(made => {
        made.config.process.args = ['/bin/sleep', '1000'];
      });
      const args = ['--pidfd-socket', socket.path, '--bundle', bundle.dir, bundle.id];
      box.must(command === 'run' ? ['run', '-d', ...args] : ['create', ...args]);
      const { pid } = box.state(bundle.id);
      await until('it is received', () => socket.stderr().endsWith(`received standard ${pid}\n`));
      socket.child.stdin?.end();
      await until('it is killed through it', () => box.state(bundle.id).status === 'stopped');
    });

    test('of exec receives a pidfd of the process, beside its terminal', async () => {
      if (skip()) return;
      const [pidfd, console] = [await listener('pidfd'), await listener('receive')];
      const bundle = running();
      const file = join(box.mkdir('pid'), 'pid');
      const sockets = ['--pidfd-socket', pidfd.path, '--console-socket', console.path];
      box.must(['exec', '-t', '-d', ...sockets, '--pid-file', file, bundle.id, '/bin/sleep', '1000']);
      await until('it is received', () => / setns \d+\n$/.test(pidfd.stderr()));
      const pid = Number(/\d+\n$/.exec(pidfd.stderr())?.[0]);
      expect(readlinkSync(`/proc/${pid}/ns/pid`)).toBe(
        readlinkSync(`/proc/${box.state(bundle.id).pid}/ns/pid`),
      );
      pidfd.child.stdin?.end();
      await until('it is killed through it', () => console.stderr().endsWith('hangup\n'));
    });

    test('that does not exist fails the command, and leaves no traces', () => {
      if (skip()) return;
      const bundle = box.bundle();
      const path = join(box.mkdir('socket'), 'missing');
      const before = box.traces();
      const text = `unable to send the pidfd to the socket ${path}: no such file or directory`;
      const args = ['--bundle', bundle.dir, '--pidfd-socket', path, bundle.id];
      box.failsWith(['create', ...args], text, 'host.syscall');
      box.failsWith(['run', ...args], text, 'host.syscall');
      expect(box.traces()).toEqual(before);
    });
  });
});
