// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';
import { command, explained, inParallel, large, randomNumbers, report } from './commands.ts';

const seed = Number(process.env['TSUBO_SEED'] ?? 1);

describe.skipIf(!isTsubo || requires('root', 'busybox', 'cgroup2'))(
  'containers made by many commands at once',
  () => {
    const box = sandbox();
    const count = large ? 500 : 60;
    const workers = large ? 16 : 8;

    test(`${count} by ${workers} workers, with killed runtimes, leave nothing and disturb no other`, async () => {
      const bundle = box.bundle(made => {
        made.config.process.args = ['/bin/sleep', '1000'];
      });
      const bystander = box.running();
      const random = randomNumbers(seed);
      const counts = { commands: 0, killed: 0, refused: 0 };
      await inParallel(count, workers, async number => {
        const id = `${box.name}-c${number}`;
        const steps: string[][] = [
          ['create', '--bundle', bundle.dir, id],
          ['exec', id, '/bin/true'],
          ['start', id],
          ['exec', id, '/bin/true'],
          ['state', id],
          ['kill', id, 'KILL'],
        ];
        for (const args of steps) {
          // A third of the commands is killed at any point, most of them while they work.
          const killed = random(3) === 0;
          const ended = await command(
            box,
            args,
            killed ? { killAfterMs: random(2) === 0 ? 0 : random(15) } : {},
          );
          counts.commands++;
          if (killed && ended.signal === 'SIGKILL') counts.killed++;
          else if (explained(args, ended) !== undefined) counts.refused++;
        }
        const last = ['delete', '--force', id];
        expect(explained(last, await command(box, last))).toBeUndefined();
      });
      expect(counts.killed).toBeGreaterThan(0);
      expect(counts.commands).toBe(6 * count);
      const listed = JSON.parse(box.must(['list', '--format', 'json']).stdout) as {
        id: string;
        status: string;
      }[];
      expect(listed.map(({ id, status }) => [id, status])).toEqual([[bystander.id, 'running']]);
      expect(box.oci(['exec', bystander.id, '/bin/true']).status).toBe(0);
      report(
        `load: ${count} containers cycled, 0 leaks, ${counts.commands} commands, ${counts.killed} killed, ${counts.refused} refused after a kill (TSUBO_SEED=${seed})`,
      );
    }, 3_000_000);
  },
);
