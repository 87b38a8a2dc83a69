// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bundle, bind } from '../helpers/bundle.ts';
import { expectedStats, withoutAverages } from '../helpers/expected-stats.ts';
import { requires } from '../helpers/requires.ts';
import { installedRunc, isTsubo, runtime } from '../helpers/runtime.ts';
import { type Sandbox, sandbox, until } from '../helpers/sandbox.ts';

const mega = 1048576;
const controllers = ['memory', 'cpu', 'pids', 'io', 'hugetlb'].map(name => `cgroup2:${name}` as const);

interface Stats {
  readonly data: { readonly memory: { readonly raw: { file_mapped?: number } } };
}

/** Removes the members that no comparison here includes. */
const stripped = (text: string): unknown => withoutAverages(JSON.parse(text));

describe.skipIf(requires('root', 'busybox', 'runc', 'cgroup2', ...controllers) || !isTsubo)(
  'events beside those of runc',
  () => {
    const box = sandbox();
    const beside = sandbox('unified', installedRunc() ?? runtime);
    /** Not on a tmpfs, as /tmp may be: writes here must reach a disk. */
    let directory = '';
    beforeAll(() => {
      directory = mkdtempSync(join(process.cwd(), 'build/test/disk-'));
    });
    afterAll(() => rmSync(directory, { recursive: true, force: true }));

    const both = (modify: (made: Bundle) => void): [Sandbox, Bundle][] =>
      [beside, box].map(one => [
        one,
        one.created(made => {
          made.config.linux.cgroupsPath = `/${made.id}`;
          modify(made);
        }),
      ]);

    const directoryOf = (one: Sandbox, { id }: Bundle): string => one.view.path(`/sys/fs/cgroup/${id}`);

    /** Both must report the content of the control files once these are stable. */
    const expectStats = async (one: Sandbox, bundle: Bundle): Promise<string> => {
      let [before, after, printed]: [unknown, unknown, string] = [0, 1, ''];
      await until(
        'the files are stable',
        () => {
          before = expectedStats(directoryOf(one, bundle));
          printed = one.must(['events', '--stats', bundle.id]).stdout;
          after = expectedStats(directoryOf(one, bundle));
          return JSON.stringify(before) === JSON.stringify(after);
        },
        30_000,
      );
      expect(printed).toMatch(/^[^\n]+\n$/);
      const [reported, wanted] = [stripped(printed), { type: 'stats', id: bundle.id, data: after }];
      // The page cache of the container may include the executable of runc, which its init has mapped while runc reads.
      if (one === beside)
        for (const stats of [reported, wanted]) delete (stats as Stats).data.memory.raw.file_mapped;
      expect(reported).toEqual(wanted);
      return printed;
    };

    test('--stats reports the content of the control files, with the same members and units', async () => {
      const containers = both(made => {
        made.config.mounts.push(bind(directory, '/disk'));
        made.config.linux.resources = {
          memory: { limit: 64 * mega, swap: 80 * mega },
          cpu: { quota: 20000, period: 100000 },
          pids: { limit: 20 },
        };
        const write = `dd if=/dev/zero of=/disk/${made.id} bs=1M count=2 conv=fsync 2>/dev/null`;
        made.shell(`busybox ${write}; cat /disk/${made.id} >/dev/null; while :; do :; done`);
      });
      for (const [one, bundle] of containers) {
        one.must(['start', bundle.id]);
        const file = (name: string): string => readFileSync(join(directoryOf(one, bundle), name), 'utf8');
        await until(
          'it has written and has been throttled',
          () => /^nr_throttled [3-9]/m.test(file('cpu.stat')) && / wbytes=[1-9]/.test(file('io.stat')),
          30_000,
        );
        one.must(['pause', bundle.id]);
      }
      for (const [one, bundle] of containers) await expectStats(one, bundle);
    });

    test('--stats reports a container without limits', async () => {
      for (const [one, bundle] of both(() => {})) {
        const printed = await expectStats(one, bundle);
        expect(printed).toContain('"usage":{"limit":18446744073709551615,');
      }
    });

    test('are the same lines, also for an out-of-memory kill', async () => {
      const limit = 16 * mega;
      const kinds: string[][] = [];
      for (const [one, bundle] of both(made => {
        box.view.sh('mkfifo "$1"', made.inRoot('go'));
        made.shell('read go </go; busybox tail /dev/zero; sleep 1000');
        made.config.linux.resources = { memory: { limit, swap: limit } };
      })) {
        const watching = one.spawn(['events', '--interval', '500ms', bundle.id]);
        one.must(['start', bundle.id]);
        const lines = () => watching.stdout().split('\n').slice(0, -1);
        await until('it watches', () => lines().length > 0);
        box.view.sh('echo >"$1"', bundle.inRoot('go'));
        await until('the kernel has killed', () => lines().some(line => line.startsWith('{"type":"oom"')));
        one.must(['kill', bundle.id, 'KILL']);
        expect(await watching.ended).toMatchObject({ status: 0 });
        const oom = lines().filter(line => line.startsWith('{"type":"oom"'));
        // runc reports the same kill again when the file changes once more.
        if (one === box) expect(oom).toHaveLength(1);
        kinds.push([...new Set(oom.map(line => line.replace(bundle.id, 'ID')))]);
        const stats = lines().find(line => line.startsWith('{"type":"stats"')) ?? '{}';
        kinds.push(Object.keys((JSON.parse(stats) as { data: object }).data));
      }
      expect(kinds.slice(2)).toEqual(kinds.slice(0, 2));
    });
  },
);
