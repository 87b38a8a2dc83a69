// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { companions } from '../helpers/companions.ts';
import { directMachine } from '../helpers/direct.ts';
import { requires } from '../helpers/requires.ts';
import { host } from '../helpers/runtime.ts';
import { until } from '../helpers/sandbox.ts';

const skipped = requires('root', 'busybox', 'filesystem:overlay', 'ip', 'nft', 'strace');

describe.skipIf(skipped)('a container that is being made', () => {
  const machine = directMachine();
  const beside = companions();

  /** True if the process holds the lock of the images' index: flock(2) of their directory. */
  const holdsIndex = (pid: number): boolean => {
    const { ino } = statSync(`${machine.data}/images`);
    const held = new RegExp(`FLOCK .* ${pid} [0-9a-f]+:[0-9a-f]+:${ino} `);
    return held.test(readFileSync('/proc/locks', 'utf8'));
  };

  /** Stops a command at the nth call of a name, calls `meanwhile`, and resumes it. Undefined if it ended before. */
  const stoppedAt = async (
    name: string,
    nth: number,
    words: readonly string[],
    meanwhile: (pid: number) => void,
  ) => {
    const trace = machine.box.fresh('trace');
    const pid = machine.box.fresh('pid');
    const strace = [
      'strace',
      '-o',
      trace,
      '-e',
      `trace=${name}`,
      '-e',
      `inject=${name}:signal=STOP:when=${nth}`,
    ];
    const program = ['sh', '-c', 'echo $$ >"$0"; exec "$@"', pid, ...machine.box.command(...words)];
    const child = beside.watch(
      machine.box.view.spawn(machine.within(machine.pid, ...strace, ...program), { env: machine.env }),
    );
    const traced = () => (existsSync(trace) ? readFileSync(trace, 'latin1') : '');
    const isStopped = () => traced().includes('stopped by SIGSTOP');
    await until('the command stops or ends', () => isStopped() || traced().includes('+++'));
    if (!isStopped()) return undefined;
    const stopped = Number(readFileSync(pid, 'utf8'));
    try {
      // Other commands wait for the index, and then give up.
      if (!holdsIndex(stopped)) meanwhile(stopped);
    } finally {
      try {
        process.kill(stopped, 'SIGCONT');
      } catch {
        // It was killed meanwhile, and has ended.
      }
    }
    const { status } = await child.ended;
    return { status, stdout: child.stdout(), stderr: child.stderr() };
  };

  const creating = (...words: string[]): string[] => [
    ...['container', 'create', '--pull', 'never', '--network', 'none'],
    ...words,
  ];

  /** Calls of a create that change something; at each one the test stops it. The commands in Node take longer. */
  const calls = host === 'standalone' ? ['mkdir', 'symlink', 'rename'] : ['symlink', 'rename'];
  const most = 16;

  test('has its image or is refused if another command removes the image at any of its calls', async () => {
    const outcomes = { made: 0, refused: 0 };
    for (const name of calls) {
      for (let nth = 1; nth < most; nth++) {
        machine.image('busybox');
        let removed: number | null = null;
        const words = creating('--name', 'job', 'busybox', 'echo', 'works');
        const done = await stoppedAt(name, nth, words, () => {
          removed = machine.oci('image', 'rm', 'busybox').status;
          // Takes the name only, if the image is in use.
          machine.oci('image', 'rm', '--force', 'busybox');
          expect(machine.oci('image', 'prune').status).toBe(0);
        });
        if (done === undefined) {
          machine.done('rm', 'job');
          expect(machine.oci('image', 'rm', 'busybox').status).toBe(0);
          break;
        }
        const where = `${name} ${nth}`;
        if (removed === 0) {
          outcomes.refused++;
          expect({ where, ...done }).toMatchObject({
            where,
            status: 125,
            stderr: expect.stringMatching(/no such image: busybox/),
          });
        } else {
          outcomes.made++;
          expect({ where, ...done }).toMatchObject({ where, status: 0, stderr: '' });
          expect(machine.done('start', '-a', 'job')).toBe('works\n');
          machine.done('rm', 'job');
        }
        // The create held the index where it was stopped.
        if (removed === null) machine.oci('image', 'rm', 'busybox');
        // Now nothing needs the image.
        expect(machine.oci('image', 'prune').status).toBe(0);
        expect([where, machine.directory('layers'), machine.directory('claims/images')]).toEqual([
          where,
          [],
          [],
        ]);
      }
    }
    expect(outcomes.made).toBeGreaterThan(2);
  });

  test('has its volumes if another command removes them at any of its calls', async () => {
    machine.image('busybox');
    let rounds = 0;
    for (const name of calls) {
      for (let nth = 1; nth < most; nth++) {
        const volumes = ['-v', 'data:/data', '-v', '/anonymous'];
        const command = ['busybox', 'sh', '-c', 'touch /data/x /anonymous/x && echo works'];
        const words = creating('--name', 'job', ...volumes, ...command);
        const done = await stoppedAt(name, nth, words, () => {
          machine.oci('volume', 'rm', 'data');
          expect(machine.oci('volume', 'prune', '--all').status).toBe(0);
        });
        if (done !== undefined) {
          rounds++;
          expect({ name, nth, ...done }).toMatchObject({ name, nth, status: 0, stderr: '' });
          expect(machine.done('start', '-a', 'job')).toBe('works\n');
        }
        machine.done('rm', '-v', 'job');
        // The last removal leaves the named volume for the next round.
        expect(machine.oci('volume', 'ls', '-q').stdout).toBe('data\n');
        if (done === undefined) break;
      }
    }
    expect(rounds).toBeGreaterThan(4);
    expect(machine.oci('image', 'rm', 'busybox').status).toBe(0);
  });

  test('uses nothing any more when its command was killed', async () => {
    machine.image('busybox');
    const words = creating('-v', 'data:/data', 'busybox', 'true');
    const killed = await stoppedAt('symlink', 1, words, pid => {
      expect(machine.oci('image', 'rm', 'busybox')).toMatchObject({
        status: 1,
        log: [
          { code: 'image.in-use', msg: expect.stringContaining('a container that is being made uses image') },
        ],
      });
      process.kill(pid, 'SIGKILL');
    });
    expect(killed?.stdout).toBe('');
    expect(machine.directory('claims/images')).toHaveLength(1);
    expect(machine.oci('image', 'rm', 'busybox').status).toBe(0);
    expect([machine.directory('claims/images'), machine.directory('layers')]).toEqual([[], []]);
    machine.oci('container', 'prune');
  });
});
