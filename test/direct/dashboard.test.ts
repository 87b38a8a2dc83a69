// SPDX-License-Identifier: Apache-2.0
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { addressOf, DashboardPage, snapshot } from '../helpers/dashboard-page.ts';
import { directMachine } from '../helpers/direct.ts';
import { requires } from '../helpers/requires.ts';
import { until, watch } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox', 'filesystem:overlay', 'ip'))('tsubo dashboard', () => {
  const machine = directMachine();
  let children: ChildProcess[] = [];

  beforeEach(() => {
    machine.image('busybox');
  });
  afterEach(async () => {
    for (const child of children) {
      const ended = child.exitCode ?? child.signalCode ?? once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    children = [];
  });

  /** Starts the command on this machine, whose loopback address the test reaches. */
  async function start(...options: readonly string[]): Promise<{ child: ChildProcess; page: DashboardPage }> {
    const words = machine.box.command('dashboard', ...options);
    const child = machine.box.view.spawn(words, { env: machine.env });
    children.push(child);
    return { child, page: await DashboardPage.open(await addressOf(child)) };
  }

  const run = (name: string, ...words: readonly string[]) =>
    machine.detached('--name', name, '--network', 'none', '--stop-timeout', '1', 'busybox', ...words);

  test('sends the state when it changes, and performs actions', async () => {
    const id = run('web', 'sleep', '1000');
    const { page } = await start();
    const live = await page.connect('/api/live');
    const state = (name: string) => snapshot(live)?.containers.find(each => each.name === name)?.state;
    await until('the container is shown', () => state('web') === 'running');
    expect(snapshot(live)).toMatchObject({
      containers: [{ id, name: 'web', image: 'busybox', command: 'sleep 1000', networks: ['none'] }],
      images: [{ names: ['busybox:latest'], users: ['web'] }],
      problems: [],
    });
    // Another command changes the state.
    machine.done('pause', 'web');
    await until('the pause is shown', () => state('web') === 'paused');
    for (const [word, shown] of [
      ['unpause', 'running'],
      ['stop', 'exited'],
      ['start', 'running'],
      ['remove', undefined],
    ] as const) {
      expect(await page.post(`/api/containers/${id}/${word}`)).toEqual({ status: 200, text: '{}' });
      await until(`the state after ${word} is shown`, () => state('web') === shown);
    }
    expect(machine.directory('containers')).toEqual([]);
  });

  test('shows a failure with the message and the hint of the command line', async () => {
    const id = run('web', 'sleep', '1000');
    const { page } = await start();
    machine.done('rm', '-f', 'web');
    const { hint, msg } = machine.fails(1, 'stop', id);
    const { status, text } = await page.post(`/api/containers/${id}/stop`);
    expect(status).toBe(409);
    expect(JSON.parse(text)).toEqual({
      error: {
        code: 'direct.no-container',
        message: msg,
        details: [{ label: 'hint', text: hint }],
      },
    });
    const shell = await page.connect(`/api/shell/${id}`);
    shell.socket.send('{"columns":80,"rows":24}');
    await until('the shell has failed', () => shell.isClosed);
    expect(shell.messages).toMatchObject([{ kind: 'failure', error: { code: 'direct.no-container' } }]);
  });

  test('sends a log as it grows, and ends it with the container', async () => {
    const id = run(
      'web',
      'sh',
      '-c',
      'echo one; echo two >&2; while ! test -e /go; do sleep 0.1; done; echo three',
    );
    const { page } = await start();
    const log = await page.connect(`/api/logs/${id}`);
    const textOf = (stream: string) =>
      log.messages.map(({ stream: from, text }) => (from === stream ? text : '')).join('');
    await until('the log is sent', () => textOf('stdout') === 'one\n' && textOf('stderr') === 'two\n');
    machine.done('exec', 'web', 'touch', '/go');
    await until('the log has ended', () => log.isClosed);
    expect(textOf('stdout')).toBe('one\nthree\n');
    expect(log.messages.at(-1)).toEqual({ kind: 'end' });
  });

  test('opens a shell on a terminal, which is resized and ends with the page', async () => {
    const id = run('web', 'sleep', '1000');
    const { page } = await start();
    const shell = await page.connect(`/api/shell/${id}`);
    shell.socket.send('{"columns":91,"rows":31}');
    await until('the shell has started', () => shell.data.includes('# '));
    shell.socket.send(Buffer.from('stty size; tty\n'));
    await until('it has answered', () => /31 91\r\n\/dev\/pts\/\d/.test(shell.data));
    shell.socket.send('{"columns":92,"rows":32}');
    shell.socket.send(Buffer.from('stty size\n'));
    await until('it has another size', () => shell.data.includes('32 92'));
    const processes = () => machine.done('exec', 'web', 'ps').match(/\bsh$/gm)?.length ?? 0;
    expect(processes()).toBe(1);
    shell.socket.close();
    await until('the shell has ended', () => processes() === 0);
    const another = await page.connect(`/api/shell/${id}`);
    another.socket.send('{"columns":80,"rows":24}');
    await until('the shell has started', () => another.data.includes('# '));
    another.socket.send(Buffer.from('exit 3\n'));
    await until('the shell has ended', () => another.isClosed);
    expect(another.messages).toEqual([{ kind: 'started' }, { kind: 'end', status: 3 }]);
  });

  test.each(['SIGTERM', 'SIGINT', 'SIGKILL'] as const)('ends with %s and leaves no process', async signal => {
    const id = run('web', 'sleep', '1000');
    const { child, page } = await start();
    const shell = await page.connect(`/api/shell/${id}`);
    shell.socket.send('{"columns":80,"rows":24}');
    await until('the shell has started', () => shell.data.includes('# '));
    await page.connect(`/api/logs/${id}`);
    await until('the log is followed', () => processesWith(id).length === 1);
    child.kill(signal);
    await until('the log is not followed any more', () => processesWith(id).length === 0);
    await until('the shell has ended', () => !machine.done('exec', 'web', 'ps').includes(' sh'));
    const refused = await new Promise(resolve => {
      const socket = connect({ host: '127.0.0.1', port: page.port });
      socket.on('connect', () => resolve('connected'));
      socket.on('error', ({ code }: NodeJS.ErrnoException) => resolve(code));
    });
    expect(refused).toBe('ECONNREFUSED');
  });

  /** Processes of `container logs` for a container. */
  function processesWith(id: string): string[] {
    return readdirSync('/proc').filter(pid => {
      if (!/^\d+$/.test(pid)) return false;
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return words.includes('logs') && words.includes(id);
      } catch {
        return false;
      }
    });
  }

  test('works beside a second one, and names a taken port', async () => {
    const { page } = await start();
    const second = await start();
    expect(second.page.port).not.toBe(page.port);
    const live = await Promise.all([page, second.page].map(each => each.connect('/api/live')));
    await until('both show the state', () => live.every(each => snapshot(each) !== undefined));
    const words = machine.box.command('--log-format', 'json', 'dashboard', '--port', String(page.port));
    const third = machine.box.view.spawn(words, { env: machine.env });
    children.push(third);
    const running = watch(third);
    await until('the third one has ended', () => third.exitCode !== null);
    await running.ended;
    expect([third.exitCode, running.stdout()]).toEqual([1, '']);
    expect(JSON.parse(running.stderr())).toMatchObject({
      code: 'dashboard.port',
      msg: `tsubo dashboard failed: unable to listen on 127.0.0.1:${page.port}: another program has the port`,
    });
  });
});
