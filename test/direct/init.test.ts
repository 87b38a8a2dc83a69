// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, test } from 'vitest';
import { companions } from '../helpers/companions.ts';
import { directMachine } from '../helpers/direct.ts';
import { helperProgram } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { until } from '../helpers/sandbox.ts';

const skipped = requires('root', 'busybox', 'filesystem:overlay', 'ip', 'nft', 'g++');

describe.skipIf(skipped)('a container with --init', () => {
  const machine = directMachine();
  const beside = companions();
  beforeEach(() => {
    machine.image('busybox');
  });
  const run = (...words: string[]) =>
    machine.container('run', '--rm', '--network', 'none', '--init', ...words);
  const shell = (script: string) => run('busybox', 'sh', '-c', script);

  test('has the init as its first process, and the program is its child', () => {
    const done = shell(`tr '\\0' ' ' </proc/1/cmdline; echo; echo $$ $PPID; touch /sbin/docker-init`);
    expect(done.stdout).toMatch(/^\/sbin\/docker-init -- sh -c .*\n2 1\n$/s);
    expect(done.status).toBe(1);
    expect(done.stderr).toContain('Read-only file system');
  });

  test('runs it also for another user in a read-only root', () => {
    const words = [
      '--user',
      '1000',
      '--read-only',
      'busybox',
      'sh',
      '-c',
      'id -u; tr "\\0" " " </proc/1/cmdline',
    ];
    expect(run(...words)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^1000\n\/sbin\/docker-init -- sh/),
    });
  });

  test.each([
    ['of the program', 'exit 7', 7],
    ['128 and the signal that ended the program', 'kill -KILL $$', 137],
  ])('ends with the status %s', (_title, script, status) => {
    expect(shell(script).status).toBe(status);
  });

  test('ends with 127 without the program, with 126 if it cannot be executed', () => {
    expect(run('busybox', 'nothere')).toMatchObject({
      status: 127,
      stderr: 'unable to execute nothere: no such file or directory\n',
    });
    expect(run('busybox', '/etc/passwd')).toMatchObject({
      status: 126,
      stderr: 'unable to execute /etc/passwd: permission denied\n',
    });
  });

  test('reaps the processes that lose their parent', async () => {
    const states = async (...flags: string[]) => {
      const name = flags.length === 0 ? 'plain' : 'reaped';
      machine.detached('--network', 'none', '--name', name, ...flags, 'busybox', 'sleep', '1000');
      const pid = machine.done('exec', name, 'sh', '-c', 'true & echo $!').trim();
      const state = () =>
        machine.container('exec', name, 'sh', '-c', `cut -d' ' -f3 /proc/${pid}/stat`).stdout;
      await until('the process has ended', () => !/^[RSD]/.test(state()));
      return state;
    };
    // The first process is sleep, which waits for no child.
    expect((await states())()).toBe('Z\n');
    const state = await states('--init');
    await until('the init has reaped it', () => state() === '');
  });

  test('passes signals on: sleep ends with SIGTERM, which it ignores as a first process', () => {
    machine.detached('--network', 'none', '--name', 'web', '--init', 'busybox', 'sleep', '1000');
    machine.done('stop', '--time', '-1', 'web');
    expect(machine.inspect('web').State).toMatchObject({ Status: 'exited', ExitCode: 143 });
    machine.done('start', 'web');
    machine.done('kill', '--signal', 'USR1', 'web');
    expect(machine.waited('web')).toBe(138);
  });

  test('gives the program the terminal: its group is in the foreground, and ^C reaches it', async () => {
    const script = `trap 'exit 6' INT; cut -d' ' -f5,8 /proc/$$/stat; while :; do sleep 0.1; done`;
    const words = machine.box.command('container', 'run', '--rm', '-it', '--network', 'none', '--init');
    const program = [helperProgram('terminal'), 'run', '30', '90', ...words, 'busybox', 'sh', '-c', script];
    const typing = beside.watch(
      machine.box.view.spawn(machine.within(machine.pid, ...program), { env: machine.env }),
    );
    await until('the program runs', () => typing.stdout().includes('\n'));
    expect(typing.stdout()).toBe('2 2\r\n');
    typing.child.stdin?.write('\x03');
    expect((await typing.ended).status).toBe(6);
  });
});
