// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';
import { command, explained, inParallel, large, report } from './commands.ts';

describe.skipIf(!isTsubo || requires('root', 'busybox', 'cgroup2', 'ps'))(
  'two commands on one id at once',
  () => {
    const box = sandbox();

    /** Command lines for an id. */
    const commands: Readonly<Record<string, (id: string, bundle: string) => string[]>> = {
      create: (id, bundle) => ['create', '--bundle', bundle, id],
      run: (id, bundle) => ['run', '--detach', '--bundle', bundle, id],
      start: id => ['start', id],
      state: id => ['state', id],
      exec: id => ['exec', id, '/bin/true'],
      kill: id => ['kill', id, 'KILL'],
      pause: id => ['pause', id],
      resume: id => ['resume', id],
      update: id => ['update', '--pids-limit', '100', id],
      delete: id => ['delete', id],
      'delete --force': id => ['delete', '--force', id],
      ps: id => ['ps', id],
      events: id => ['events', '--stats', id],
      list: () => ['list'],
    };
    const names = Object.keys(commands);
    const states = ['absent', 'created', 'running', 'stopped'] as const;
    const pairs = names.flatMap((one, index) => names.slice(index).map(other => [one, other] as const));
    const rounds = large ? 3 : 1;

    test(`each of ${pairs.length} pairs ends, explains a refusal, and leaves an id that can be deleted`, async () => {
      const bundle = box.bundle(made => {
        made.config.process.args = ['/bin/sleep', '1000'];
      });
      const cases = Array.from({ length: rounds }).flatMap(() =>
        pairs.flatMap((pair, index) =>
          // One state for each pair in the short form, all of them in the large one.
          (large ? states : [states[index % states.length] as (typeof states)[number]]).map(state => ({
            pair,
            state,
          })),
        ),
      );
      let refused = 0;
      const codes = new Set<string>();
      await inParallel(cases.length, 4, async number => {
        const { pair, state } = cases[number] as (typeof cases)[number];
        const id = `${box.name}-r${number}`;
        const must = async (...args: string[]) => {
          const ended = await command(box, args);
          expect([pair, state, args, ended]).toEqual([
            pair,
            state,
            args,
            { status: 0, signal: null, error: undefined },
          ]);
        };
        if (state !== 'absent') await must('create', '--bundle', bundle.dir, id);
        if (state === 'running' || state === 'stopped') await must('start', id);
        if (state === 'stopped') await must('kill', id, 'KILL');
        const lines = pair.map(name => commands[name]?.(id, bundle.dir) ?? []);
        const begun = lines.map(args => command(box, args));
        // A program that exec starts in a container while it is paused waits for the resume.
        const paused = pair.indexOf('pause');
        if (paused >= 0 && pair.includes('exec')) {
          await begun[paused];
          await command(box, ['resume', id]);
        }
        const both = await Promise.all(begun);
        for (const [index, ended] of both.entries()) {
          const code = explained(lines[index] ?? [], ended);
          if (code === undefined) continue;
          // An unfinished create or delete of the other command is not a damage.
          expect([pair, state, code]).not.toEqual([pair, state, 'state.damaged']);
          refused++;
          codes.add(code);
        }
        // A pause may have been the last one.
        await must('delete', '--force', id);
        const after = await command(box, ['state', id]);
        expect([pair, state, after.error?.code]).toEqual([pair, state, 'state.not-found']);
      });
      report(`${cases.length} races, ${refused} refusals: ${[...codes].sort().join(', ')}`);
    }, 3_000_000);
  },
);
