// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo } from '../helpers/runtime.ts';
import { sandbox, until } from '../helpers/sandbox.ts';

// A privileged program may move itself out, and a cgroup manager removes empty cgroups.
const others = disagrees('runc 1.1', 'removes the cgroup to which the init was moved');
describe.skipIf(others || requires('root', 'busybox', 'cgroup2', 'ps'))(
  'a container whose cgroup was removed',
  () => {
    const box = sandbox();
    const elsewhere = () => box.view.path(`/sys/fs/cgroup/${box.name}-elsewhere`);
    beforeAll(() => mkdirSync(elsewhere()));
    afterAll(() => rmdirSync(elsewhere()));

    const moved = (change: Parameters<typeof box.running>[0] = undefined) => {
      const bundle = box.running(change);
      const { pid } = box.state(bundle.id);
      const own = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1] ?? '';
      const path = `/sys/fs/cgroup${own}`;
      writeFileSync(`${elsewhere()}/cgroup.procs`, String(pid));
      rmdirSync(box.view.path(path));
      return { id: bundle.id, path, pid };
    };

    test.each<[string, string, ...string[]]>([
      ['unable to list the processes of container', 'ps'],
      ['unable to list the processes of container', 'ps', '--format', 'json'],
      ['unable to read the resource use of container', 'events', '--stats'],
      ['unable to watch container', 'events', '--interval', '100ms'],
      ['unable to pause container', 'pause'],
      ['unable to update container', 'update', '--pids-limit', '10'],
    ])('fails with "%s" at %s', (attempt, command, ...flags) => {
      const { id, path, pid } = moved();
      const failure = box.fails([command, ...flags, id]);
      expect(failure.status).toBe(1);
      if (!isTsubo) return;
      expect(failure.message).toMatch(new RegExp(`^${attempt} ${id}.*: its cgroup ${path} was removed$`));
      expect(failure.record).toMatchObject({ code: 'state.cgroup-gone', path });
      expect(failure.record['hint']).toContain(`/proc/${pid}/cgroup`);
    });

    test('is running, executes programs in the cgroup of its init, and can be killed and deleted', () => {
      const { id, pid } = moved();
      expect(box.state(id).status).toBe('running');
      expect(box.must(['exec', id, '/bin/sh', '-c', 'exit 0']).status).toBe(0);
      box.must(['kill', id, 'KILL']);
      box.must(['delete', '--force', id]);
      expect(box.lives(pid)).toBe(false);
    });

    test('is killed with a warning without a pid namespace of its own: its other processes cannot be found', async () => {
      if (!isTsubo) return;
      const { id, path, pid } = moved(made => made.namespace('pid'));
      const done = box.must(['kill', '--all', id, 'KILL']);
      expect(done.stderr).toContain(
        `the cgroup ${path} of container ${id} was removed: only its init is killed`,
      );
      await until('its init has ended', () => !box.lives(pid));
    });

    test('has no processes after its end', () => {
      const { id } = moved();
      box.must(['kill', id, 'KILL']);
      expect(box.must(['ps', '--format', 'json', id]).stdout).toBe('null\n');
    });
  },
);
