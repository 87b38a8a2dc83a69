// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { programOutput } from '../helpers/library.ts';
import { requires } from '../helpers/requires.ts';
import { commands, host } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox', 'cgroup2'))('exec of the library', () => {
  // Always with tsubo: the library does not manage containers of another runtime.
  const box = sandbox('unified', { name: 'tsubo', version: '', command: commands[host] });

  /** Output of a program with these lines, parsed as JSON; `container` is a running container. */
  const inProgram = (id: string, lines: string): unknown =>
    programOutput(
      box,
      `const container = await library.getContainer(${JSON.stringify(id)}, options);\n${lines}`,
    );

  test.each([
    ['exit 7', { status: 7 }],
    ['kill -KILL $$', { status: 137, signal: 'SIGKILL' }],
  ])('returns how %s ends: %j', (script, status) => {
    const args = JSON.stringify(['/bin/sh', '-c', script]);
    const result = inProgram(box.running().id, `print(await container.exec({ args: ${args} }))`);
    expect(result).toEqual({ pid: expect.any(Number), ...status, stdout: '', stderr: '', timedOut: false });
  });

  test('does not block the event loop', () => {
    const bundle = box.running();
    // The program ends only after the timer.
    const lines = `const { writeFileSync } = await import('node:fs');
        setTimeout(() => writeFileSync('${bundle.inRoot('go')}', ''), 50);
        print(await container.exec({ args: ['/bin/sh', '-c', 'until [ -e /go ]; do sleep 0.01; done'] }));`;
    expect(inProgram(bundle.id, lines)).toMatchObject({ pid: expect.any(Number), status: 0 });
  });

  test('accepts the options of the command', () => {
    const lines = `await container.exec({
          args: ['/bin/sh', '-c', 'echo "$A $(id -u):$(id -g) $PWD" >/tmp/out'],
          env: ['A=b'], user: { uid: 5, gid: 6 }, cwd: '/bin',
        });
        print('done');`;
    const bundle = box.running(made => {
      made.config.mounts.push({
        destination: '/tmp',
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['mode=1777'],
      });
    });
    inProgram(bundle.id, lines);
    expect(box.must(['exec', bundle.id, '/bin/cat', '/tmp/out']).stdout).toBe('b 5:6 /bin\n');
  });

  test('returns at once when detached, and still reaps the program', () => {
    const lines = `import('node:fs').then(async ({ existsSync, readFileSync }) => {
        const { pid, status } = await container.exec({ args: ['/bin/sleep', '1000'], detach: true });
        const running = readFileSync('/proc/' + pid + '/comm', 'utf8');
        process.kill(pid);
        // A zombie would keep its directory in /proc.
        while (existsSync('/proc/' + pid)) await new Promise(resolve => setTimeout(resolve, 5));
        print({ running, status });
      });`;
    expect(inProgram(box.running().id, lines)).toEqual({ running: 'sleep\n' });
  });

  test('allows the caller to exit while the detached program keeps running', () => {
    const bundle = box.running();
    const lines = `print(await container.exec({ args: ['/bin/sleep', '1000'], detach: true }))`;
    const { pid } = inProgram(bundle.id, lines) as { pid: number };
    expect(box.lives(pid)).toBe(true);
  });

  test.each([
    [{ args: ['/nothing'] }, 'container.program-not-found'],
    [{ args: [] }, 'config.process.args'],
    [{ args: ['/bin/true'], cwd: 'bin' }, 'config.process.cwd'],
    [{ args: ['/bin/true'], env: ['A'] }, 'config.process.env'],
    [{ args: ['/bin/true'], user: { uid: 4294967295 } }, 'config.range'],
    [{ args: ['/bin/true'], consoleSocket: '/s' }, 'usage.console-socket'],
    [{ args: ['/bin/true'], stdio: 'pip' }, 'usage.stdio'],
    [{ args: ['/bin/true'], user: 'www' }, 'usage.option'],
    [{ args: ['/bin/true'], user: 1000 }, 'usage.option'],
  ])('refuses %j with the code %s', (options, code) => {
    const lines = `await container.exec(${JSON.stringify(options)}).catch(error => print(error.code))`;
    expect(inProgram(box.running().id, lines)).toBe(code);
  });
});
