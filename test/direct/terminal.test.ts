// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, test } from 'vitest';
import { companions } from '../helpers/companions.ts';
import { directMachine } from '../helpers/direct.ts';
import { helperProgram } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { type Running, until } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox', 'filesystem:overlay', 'ip', 'nft', 'g++'))(
  'a user at a terminal',
  () => {
    const machine = directMachine();
    const beside = companions();
    beforeEach(() => {
      machine.image('busybox');
    });

    /** A command on a new terminal of 30 rows and 90 columns. */
    const onTerminal = (...words: string[]): Running => {
      const program = [
        helperProgram('terminal'),
        'run',
        '30',
        '90',
        ...machine.box.command('container', ...words),
      ];
      return beside.watch(
        machine.box.view.spawn(machine.within(machine.pid, ...program), { env: machine.env }),
      );
    };
    const type = ({ child }: Running, text: string) => child.stdin?.write(text);

    test('types into a shell, which has the size of the terminal', async () => {
      const shell = onTerminal('run', '--rm', '-it', '-e', 'PS1=> ', 'busybox', '/bin/sh');
      await until('the prompt is there', () => shell.stdout().includes('> '));
      type(shell, 'stty size; tty; exit 5\r');
      expect((await shell.ended).status).toBe(5);
      expect(shell.stdout()).toContain('30 90\r\n');
      expect(shell.stderr()).toMatch(/\nrestored\n$/);
      expect(machine.directory('containers')).toEqual([]);
    });

    test('leaves a container with the detach keys, and attaches to it again', async () => {
      const script = 'echo ready; while read line; do echo "<$line>"; done';
      const first = onTerminal('run', '-it', '--name', 'web', 'busybox', 'sh', '-c', script);
      await until('the program runs', () => first.stdout().includes('ready\r\n'));
      type(first, 'ab\x10\x11');
      expect((await first.ended).status).toBe(0);
      expect(first.stderr()).toMatch(/\nrestored\n$/);
      expect(machine.inspect('web').State.Status).toBe('running');
      const second = onTerminal('attach', '--detach-keys', 'ctrl-a,x', 'web');
      type(second, 'c\r');
      await until('the program has read the line', () => second.stdout().includes('<abc>\r\n'));
      type(second, '\x01x');
      expect((await second.ended).status).toBe(0);
      expect(machine.inspect('web').State.Status).toBe('running');
    });

    test('gets a terminal in exec, and ^C reaches the program', async () => {
      machine.detached('--name', 'web', 'busybox', 'sleep', '1000');
      const shell = onTerminal(
        'exec',
        '-it',
        'web',
        'sh',
        '-c',
        'trap "exit 6" INT; echo ready; while :; do sleep 0.1; done',
      );
      await until('the program runs', () => shell.stdout().includes('ready\r\n'));
      type(shell, '\x03');
      expect((await shell.ended).status).toBe(6);
    });
  },
);
