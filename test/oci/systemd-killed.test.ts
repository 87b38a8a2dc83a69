// SPDX-License-Identifier: Apache-2.0
import { mkdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { killedAt, tracedCalls } from '../helpers/killing.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';
import { sandbox, until } from '../helpers/sandbox.ts';
import { show } from '../helpers/systemctl.ts';

describe.skipIf(requires('root', 'busybox', 'strace', 'systemd') || !isTsubo)(
  'a runtime that is killed while it waits for systemd',
  () => {
    const box = sandbox();

    /** `delete --force` leaves no unit, no cgroup and no process. */
    const isGone = async (id: string, before: string, where: string) => {
      const done = box.oci(['delete', '--force', id]);
      expect({ where, status: done.status, stderr: done.stderr }).toEqual({ where, status: 0, stderr: '' });
      await until(where, () => JSON.stringify(box.traces()) === before).catch(() =>
        expect({ where, ...box.traces() }).toEqual({ where, ...JSON.parse(before) }),
      );
      expect({ where, ...show(box, `runc-${id}.scope`, 'LoadState') }).toEqual({
        where,
        LoadState: 'not-found',
      });
    };

    test.each(['create', 'delete'])(
      'in %s leaves no traces that delete --force does not remove',
      async command => {
        const bundle = box.bundle(made => {
          made.config.process.args = ['/bin/sleep', '1000'];
        });
        mkdirSync(box.root, { recursive: true, mode: 0o700 });
        const before = JSON.stringify(box.traces());
        const create = ['--systemd-cgroup', 'create', '--bundle', bundle.dir, bundle.id];
        const killed = command === 'create' ? create : ['delete', '--force', bundle.id];
        const prepare = () => {
          if (command !== 'create') box.must(create);
        };
        prepare();
        const moments = tracedCalls(box, killed, bundle.id);
        await isGone(bundle.id, before, 'the runtime was not killed');
        // Each message to systemd and the call right after it, and a sample of all other calls.
        const messages = moments.flatMap(({ line }, at) => (line.includes('freedesktop') ? [at] : []));
        expect(messages.length).toBeGreaterThan(1);
        const near = messages.flatMap(at => [at, at + 1]);
        const chosen = moments.filter((_, at) => near.includes(at) || at % 20 === 0);
        for (const moment of chosen) {
          prepare();
          killedAt(box, moment, killed);
          await isGone(bundle.id, before, moment.line);
        }
      },
      300_000,
    );
  },
);
