// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { directMachine } from '../helpers/direct.ts';
import { requires } from '../helpers/requires.ts';
import { until } from '../helpers/sandbox.ts';

const machine = directMachine();
/** Calls of the command that change files, make processes or send messages. */
const effects =
  'mkdir mkdirat symlink rename renameat2 unlink unlinkat flock clone3 sendto sendmsg connect move_mount fsmount'.split(
    ' ',
  );

// The program for Node makes the same calls, between thousands of the engine.
test
  .skipIf(requires('root', 'busybox', 'filesystem:overlay', 'ip', 'nft', 'strace', 'host:standalone'))
  .each([
    ['run', ['run', '-d', '--name', 'web', '-v', '/data', 'busybox', 'sleep', '1000'], []],
    [
      'rm',
      ['rm', '-f', '-v', 'web'],
      ['run', '-d', '--name', 'web', '-v', '/data', 'busybox', 'sleep', '1000'],
    ],
  ] as const)(
  'a %s that is killed at any call leaves nothing that ls and rm do not find',
  async (_, words, before) => {
    machine.image('busybox');
    // The network stays, whatever happens to its containers.
    machine.done('run', '--rm', 'busybox', 'true');
    const command = (...args: readonly string[]) => machine.box.command('container', ...args);
    const prepare = () => {
      if (before.length > 0) machine.done(...before);
    };
    const trace = machine.box.fresh('strace');
    prepare();
    machine.try(machine.pid, 'strace', '-o', trace, '-e', `trace=${effects.join(',')}`, ...command(...words));
    machine.container('rm', '-f', '-v', 'web');
    const count = new Map<string, number>();
    const calls = readFileSync(trace, 'latin1')
      .split('\n')
      .flatMap(line => {
        const name = /^(\w+)\(/.exec(line)?.[1];
        if (name === undefined) return [];
        const nth = (count.get(name) ?? 0) + 1;
        count.set(name, nth);
        return [{ name, nth, line }];
      });
    expect(calls.length).toBeGreaterThan(10);
    for (const { name, nth, line } of calls) {
      prepare();
      const inject = ['-e', `trace=${name}`, '-e', `inject=${name}:signal=KILL:when=${nth}`];
      machine.try(machine.pid, 'strace', '-o', '/dev/null', ...inject, ...command(...words));
      const listed = machine.container('ls', '-aq');
      expect({
        line,
        status: listed.status,
        errors: listed.log.filter(({ level }) => level === 'error'),
      }).toEqual({
        line,
        status: 0,
        errors: [],
      });
      const ids = listed.stdout.split('\n').filter(Boolean);
      if (ids.length > 0) machine.done('rm', '-f', '-v', ...ids);
      machine.done('prune');
      machine.must('volume', 'prune');
      expect({
        line,
        left: ['containers', 'names', 'volumes'].map(directory => machine.directory(directory)),
        listed: machine.must('list', '-q'),
      }).toEqual({ line, left: [[], [], []], listed: '' });
      await until('the address is free', () => machine.taken().length === 0);
    }
  },
  240_000,
);
