// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { requires } from '../helpers/requires.ts';
import { host, isTsubo } from '../helpers/runtime.ts';
import { type Running, sandbox, until } from '../helpers/sandbox.ts';

const endings = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

describe.skipIf(requires('root', 'busybox'))('a waiting runtime', () => {
  const box = sandbox();
  const closing: (() => void)[] = [];
  afterEach(() => {
    for (const close of closing.splice(0)) close();
  });

  const fifo = (path: string): string => {
    rmSync(path, { force: true });
    box.view.sh('mkfifo "$1"', path);
    return path;
  };
  /** It sleeps in a system call. */
  const waits = (running: Running): boolean => {
    const pid = running.child.pid as number;
    // nsenter and the shell have executed the runtime.
    const [program] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    if (program !== box.command()[0]) return false;
    return /^State:\s+S/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  };
  /** The signal ends the command. */
  const endsBy = async (running: Running, signal: (typeof endings)[number]): Promise<void> => {
    running.child.kill(signal);
    expect(await running.ended).toEqual({ status: null, signal });
  };
  /** Returns when the process sleeps in twenty checks in a row, 10 ms apart: a shorter sleep is not the wait. */
  const waitsLong = async (running: Running): Promise<void> => {
    for (let looks = 0; looks < 20; ) {
      await until('it waits', () => waits(running));
      await new Promise(resolve => setTimeout(resolve, 10));
      looks = waits(running) ? looks + 1 : 0;
    }
  };
  const run = (bundle: Bundle) => box.spawn(['run', '--bundle', bundle.dir, bundle.id]);

  describe.each(endings)('is ended by %s', signal => {
    test.each(['run', 'create'])('while %s waits for its config.json, a FIFO', async command => {
      const bundle = box.bundle();
      fifo(join(bundle.dir, 'config.json'));
      const running = box.spawn([command, '--bundle', bundle.dir, bundle.id]);
      await waitsLong(running);
      await endsBy(running, signal);
    });

    test('while run waits for a reader of its log, a FIFO', async () => {
      const bundle = box.bundle();
      const log = fifo(box.fresh('log'));
      const running = box.spawn(['--log', log, 'run', '--bundle', bundle.dir, bundle.id]);
      await waitsLong(running);
      await endsBy(running, signal);
    });

    test.each([[['--detach']], [[]]])('while exec %j waits for its document, a FIFO', async flags => {
      const { id } = box.running();
      const document = fifo(box.fresh('process'));
      const running = box.spawn(['exec', ...flags, '--process', document, id]);
      await waitsLong(running);
      await endsBy(running, signal);
      expect(box.state(id).status).toBe('running');
    });

    test.for(['createRuntime', 'startContainer', 'poststart'])(
      'while run waits for a %s hook, and undoes every step',
      async (kind, context) => {
        context.skip(!isTsubo, 'runc forwards the signal to the program');
        const notes = box.mkdir('notes');
        const bundle = box.bundle(made => {
          made.config.process.args = ['/bin/sleep', '1000'];
          made.config.mounts.push({ destination: '/notes', type: 'bind', source: notes, options: ['bind'] });
          const at = kind === 'startContainer' ? '/notes' : notes;
          const script = `echo > ${at}/begun; exec sleep 1000`;
          made.config.hooks = {
            [kind]: [{ path: '/bin/sh', args: ['sh', '-c', script], env: ['PATH=/bin:/usr/bin'] }],
            poststop: [
              { path: '/bin/sh', args: ['sh', '-c', `echo > ${notes}/stopped`], env: ['PATH=/bin'] },
            ],
          };
        });
        const before = box.traces();
        const running = run(bundle);
        await until('the hook runs', () => existsSync(join(notes, 'begun')));
        await endsBy(running, signal);
        expect(existsSync(join(notes, 'stopped'))).toBe(true);
        await until('nothing is left', () => JSON.stringify(box.traces()) === JSON.stringify(before));
        expect(running.stderr()).toContain('interrupted system call');
      },
    );

    test('while start waits for a startContainer hook', async context => {
      context.skip(!isTsubo, 'runc does not wait for it');
      const bundle = box.created(made => {
        made.config.hooks = { startContainer: [{ path: '/bin/sleep', args: ['sleep', '1000'] }] };
      });
      const running = box.spawn(['start', bundle.id]);
      await waitsLong(running);
      await endsBy(running, signal);
    });

    test('while create waits for a console socket whose backlog is full', async context => {
      context.skip(!isTsubo, 'other runtimes wait in another way');
      const path = box.fresh('console');
      const holder = spawn('python3', [
        '-c',
        `import socket,sys,time
s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(0)
c=socket.socket(socket.AF_UNIX); c.connect(sys.argv[1]); print("full", flush=True); time.sleep(100)`,
        path,
      ]);
      closing.push(() => holder.kill('SIGKILL'));
      await new Promise(resolve => holder.stdout.once('data', resolve));
      const bundle = box.bundle(made => {
        made.config.process.terminal = true;
      });
      const running = box.spawn(['create', '--bundle', bundle.dir, '--console-socket', path, bundle.id]);
      await waitsLong(running);
      await endsBy(running, signal);
      box.must(['delete', '--force', bundle.id]);
    });

    test('while delete waits for the command that holds the container', async context => {
      context.skip(!isTsubo, 'other runtimes take no lock');
      const bundle = await box.stopped();
      const holder = spawn('flock', [join(box.root, bundle.id), 'sleep', '100'], { detached: true });
      closing.push(() => process.kill(-(holder.pid as number), 'SIGKILL'));
      await until(
        'it is held',
        () => box.view.exec(['flock', '-n', join(box.root, bundle.id), 'true']).status === 1,
      );
      const running = box.spawn(['delete', bundle.id]);
      await waitsLong(running);
      await endsBy(running, signal);
      for (const close of closing.splice(0)) close();
      await until(
        'it is free',
        () => box.view.exec(['flock', '-n', join(box.root, bundle.id), 'true']).status === 0,
      );
    });
  });

  test('forwards a signal that arrives as soon as the program runs', async () => {
    const bundle = box.bundle(made =>
      made.shell("trap 'exit 42' TERM; echo ready; while :; do sleep 0.01; done"),
    );
    const running = run(bundle);
    await until('it runs', () => running.stdout().includes('ready'));
    running.child.kill('SIGTERM');
    expect(await running.ended).toEqual({ status: 42, signal: null });
  });

  test('is ended by a signal at any moment of run, and leaves no traces', async context => {
    context.skip(!isTsubo, 'runc forwards the signal to the program');
    const before = box.traces();
    for (let round = 0; round < 30; round++) {
      // The kernel drops default-action signals to a pid 1; in the pid namespace of the runtime the action applies.
      const bundle = box.bundle(made => {
        made.namespace('pid');
        made.config.linux.maskedPaths = [];
        made.config.process.args = ['/bin/sleep', '1000'];
      });
      const running = run(bundle);
      await new Promise(resolve => setTimeout(resolve, round * (host === 'node' ? 6 : 1)));
      running.child.kill('SIGTERM');
      const { status, signal } = await running.ended;
      // The signal came after the start of the program, or before it.
      expect([
        [null, 'SIGTERM'],
        [143, null],
      ]).toContainEqual([status, signal]);
      await until('nothing is left', () => JSON.stringify(box.traces()) === JSON.stringify(before));
    }
  });
});
