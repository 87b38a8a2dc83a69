// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { companions } from '../helpers/companions.ts';
import { directMachine } from '../helpers/direct.ts';

import { privateMemory } from '../helpers/kept.ts';
import { requires } from '../helpers/requires.ts';
import { type Running, until } from '../helpers/sandbox.ts';

const skipped = requires('root', 'busybox', 'filesystem:overlay', 'ip', 'nft');

describe.skipIf(skipped)('the commands for a container with a keeper', () => {
  const machine = directMachine();
  const beside = companions();
  beforeEach(() => {
    machine.image('busybox');
  });

  /** `tsubo container ...` in the background. */
  const started = (...args: readonly string[]): Running => {
    const command = machine.within(machine.pid, ...machine.box.command('container', ...args));
    return beside.watch(machine.box.view.spawn(command, { env: machine.env }));
  };

  test('logs follow a container to its end', async () => {
    machine.detached(
      '-i',
      '--name',
      'job',
      'busybox',
      'sh',
      '-c',
      'echo one; read a; echo two; echo err >&2',
    );
    const follower = started('logs', '-f', 'job');
    await until('the first line has arrived', () => follower.stdout() === 'one\n');
    const client = started('attach', 'job');
    client.child.stdin?.end('go\n');
    expect((await follower.ended).status).toBe(0);
    expect([follower.stdout(), follower.stderr()]).toEqual(['one\ntwo\n', 'err\n']);
    await client.ended;
    expect(client.stdout()).toContain('two\n');
    expect(machine.container('logs', '--tail', '1', 'job')).toMatchObject({ stdout: '', stderr: 'err\n' });
  });

  test('a signal reaches the program through the attached command', async () => {
    const script = 'trap "echo caught; exit 9" TERM; echo ready; while :; do sleep 0.1; done';
    const running = started('run', '--name', 'job', 'busybox', 'sh', '-c', script);
    await until('the program is ready', () => running.stdout() === 'ready\n');
    running.child.kill('SIGTERM');
    expect((await running.ended).status).toBe(9);
    expect(running.stdout()).toBe('ready\ncaught\n');
  });

  test('the keeper of a container is small, and is killed only with what it kept', async () => {
    const id = machine.detached('--name', 'web', 'busybox', 'sleep', '1000');
    const keeper = Number(readFileSync(join(machine.data, 'containers', id, 'keeper'), 'utf8'));
    expect(privateMemory(keeper)).toBeLessThanOrEqual(300);
    process.kill(keeper, 'SIGKILL');
    await until('the keeper has ended', () => !machine.box.lives(keeper));
    expect(machine.inspect('web').State.Status).toBe('running');
    machine.done('rm', '-f', 'web');
  });
});
