// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';
import { sandbox, until } from '../helpers/sandbox.ts';

type StateRecord = Record<string, unknown> & { init: Record<string, unknown> };

describe.skipIf(!isTsubo || requires('root', 'busybox', 'cgroup2'))(
  'a container whose record is damaged',
  () => {
    const box = sandbox();
    const pathOf = ({ id }: Bundle, file = 'state.json') => join(box.root, id, file);
    const change = (bundle: Bundle, how: (record: StateRecord) => object) => {
      const record = JSON.parse(readFileSync(pathOf(bundle), 'utf8')) as StateRecord;
      writeFileSync(pathOf(bundle), JSON.stringify(how(record)));
    };
    const cgroupOf = (pid: number) =>
      box.view.path(
        `/sys/fs/cgroup${/^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1] ?? ''}`,
      );
    const sleeping = (made: Bundle) => {
      made.config.process.args = ['/bin/sleep', '1000'];
    };

    const isGone = async (bundle: Bundle, pid: number, cgroup: string, deleted: () => unknown) => {
      deleted();
      await until('the init has ended', () => !box.lives(pid));
      expect([existsSync(join(box.root, bundle.id)), existsSync(cgroup)]).toEqual([false, false]);
    };

    const damages: [string, (bundle: Bundle) => void, string][] = [
      [
        'no pid',
        bundle => change(bundle, ({ init, ...others }) => ({ ...others, init: { ...init, pid: undefined } })),
        '/init/pid is missing',
      ],
      [
        'null as pid',
        bundle => change(bundle, ({ init, ...others }) => ({ ...others, init: { ...init, pid: null } })),
        '/init/pid must not be null',
      ],
      [
        'a text as pid',
        bundle => change(bundle, ({ init, ...others }) => ({ ...others, init: { ...init, pid: 'x' } })),
        '/init/pid must be a whole number',
      ],
      ['no init', bundle => change(bundle, ({ init: _, ...others }) => others), 'and was written with'],
      ['no cgroup', bundle => change(bundle, ({ cgroup: _, ...others }) => others), 'and was written with'],
      [
        'a number as cgroup',
        bundle => change(bundle, record => ({ ...record, cgroup: 5 })),
        '/cgroup must be an object',
      ],
      [
        'the id of another',
        bundle => change(bundle, record => ({ ...record, id: 'x' })),
        '/id is "x", not "jar-',
      ],
      ['another version', bundle => change(bundle, record => ({ ...record, version: 0 })), '/version is 0'],
      ['nothing in it', bundle => writeFileSync(pathOf(bundle), ''), 'it is empty'],
      ['a list in it', bundle => writeFileSync(pathOf(bundle), '[]'), 'the record must be an object'],
      [
        'its second half cut off',
        bundle => {
          const text = readFileSync(pathOf(bundle), 'utf8');
          writeFileSync(pathOf(bundle), text.slice(0, text.length / 2));
        },
        'it is not valid JSON at line 1',
      ],
      ['been removed', bundle => rmSync(pathOf(bundle)), 'it is missing'],
    ];

    describe.each(['created', 'running'] as const)('and that is %s', which => {
      test.each(damages)(
        'is reported by every command and removed by delete --force: it has %s',
        async (_, damage, why) => {
          const bundle = box[which](sleeping);
          const { pid } = box.state(bundle.id);
          const cgroup = cgroupOf(pid);
          damage(bundle);
          const commands = [
            ['state'],
            ['ps'],
            ['pause'],
            ['kill', '0'],
            ['delete'],
            ['exec', '/bin/true'],
            ['events', '--stats'],
          ];
          for (const [name = '', ...rest] of commands) {
            const flags = rest.filter(word => word.startsWith('-'));
            const failure = box.fails([
              name,
              ...flags,
              bundle.id,
              ...rest.filter(word => !word.startsWith('-')),
            ]);
            expect(failure.record, name).toMatchObject({ code: 'state.damaged', path: pathOf(bundle) });
            expect(failure.message, name).toContain(`the state file ${pathOf(bundle)} is damaged: `);
            expect(failure.message, name).toContain(why);
            expect(failure.record['hint'], name).toContain('delete --force');
          }
          expect(box.lives(pid)).toBe(true);
          const other = box.created();
          const listed = box.must(['list', '--quiet']);
          expect(listed.stdout).toContain(other.id);
          await isGone(bundle, pid, cgroup, () => box.must(['delete', '--force', bundle.id]));
          box.create(bundle);
        },
      );
    });

    test('is one of a later version for every command, and delete --force removes it', async () => {
      const bundle = box.running(sleeping);
      const { pid } = box.state(bundle.id);
      const cgroup = cgroupOf(pid);
      change(bundle, ({ init, ...others }) => ({ ...others, version: 3, init: { process: init } }));
      for (const command of [['state'], ['kill'], ['delete'], ['exec', '/bin/true']]) {
        const [name = '', ...rest] = command;
        const failure = box.fails([name, bundle.id, ...rest]);
        expect(failure.record, name).toMatchObject({ code: 'state.newer-version', path: pathOf(bundle) });
      }
      expect(box.lives(pid)).toBe(true);
      await isGone(bundle, pid, cgroup, () => box.must(['delete', '--force', bundle.id]));
    });

    test('is a directory in the place of each of its files, and costs no other container', async () => {
      const other = box.running(sleeping);
      for (const file of ['state.json', 'config.json', 'exec.json', 'exec.fifo']) {
        const bundle = box.created();
        const { pid } = box.state(bundle.id);
        const cgroup = cgroupOf(pid);
        rmSync(pathOf(bundle, file));
        mkdirSync(pathOf(bundle, file));
        expect(box.must(['list', '--quiet']).stdout).toContain(other.id);
        await isGone(bundle, pid, cgroup, () => box.must(['delete', '--force', bundle.id]));
      }
      expect(box.state(other.id).status).toBe('running');
    });

    test('is removed if a pipe without a writer is in the place of its record, and list does not wait for it', async () => {
      const bundle = box.created();
      const { pid } = box.state(bundle.id);
      const cgroup = cgroupOf(pid);
      rmSync(pathOf(bundle));
      box.view.sh('mkfifo "$1"', pathOf(bundle));
      const listed = box.oci(['list', '--format', 'json']);
      expect(listed.stderr).toContain(bundle.id);
      expect(box.fails(['state', bundle.id]).record).toMatchObject({ code: 'state.damaged' });
      await isGone(bundle, pid, cgroup, () => box.must(['delete', '--force', bundle.id]));
    });

    test('is removed if it has a cgroup path of its own and only config.json is left', async () => {
      const bundle = box.running(made => {
        sleeping(made);
        made.config.linux.cgroupsPath = `/${box.name}-of-its-own`;
      });
      const { pid } = box.state(bundle.id);
      const cgroup = cgroupOf(pid);
      for (const file of ['state.json', 'exec.json']) rmSync(pathOf(bundle, file), { force: true });
      await isGone(bundle, pid, cgroup, () => box.must(['delete', '--force', bundle.id]));
    });

    test('and that has no identifying data is kept, and the error names its possible processes', async () => {
      const bundle = box.running(sleeping);
      const { pid } = box.state(bundle.id);
      const cgroup = cgroupOf(pid);
      // Its root and its program are unknown then.
      for (const file of ['state.json', 'config.json']) writeFileSync(pathOf(bundle, file), '');
      const failure = box.fails(['delete', '--force', bundle.id]);
      expect(failure.record).toMatchObject({
        code: 'state.damaged',
        hint: expect.stringContaining('by hand'),
      });
      expect(failure.message).toContain(`with process ${pid} (sleep)`);
      expect(box.lives(pid)).toBe(true);
      process.kill(pid, 'SIGKILL');
      await isGone(bundle, pid, cgroup, () => box.must(['delete', '--force', bundle.id]));
    });

    test('never causes the kill of another process with its pid or in a cgroup with its name', async () => {
      const bundle = box.running(sleeping);
      const { pid } = box.state(bundle.id);
      const other = box.view.spawn(['sleep', '1000'], {});
      await until('the other process runs', () => box.lives(other.pid ?? 0));
      change(bundle, ({ init, ...others }) => ({ ...others, init: { ...init, pid: other.pid } }));
      const cgroup = cgroupOf(pid);
      await isGone(bundle, pid, cgroup, () => box.must(['delete', '--force', bundle.id]));
      mkdirSync(join(box.root, bundle.id));
      writeFileSync(pathOf(bundle), '');
      mkdirSync(cgroup);
      writeFileSync(`${cgroup}/cgroup.procs`, String(other.pid));
      try {
        expect(box.fails(['delete', '--force', bundle.id]).message).toContain(`process ${other.pid} (sleep)`);
        expect(box.lives(other.pid ?? 0)).toBe(true);
      } finally {
        other.kill('SIGKILL');
        await until('the other process has ended', () => !box.lives(other.pid ?? 0));
        rmdirSync(cgroup);
        rmSync(join(box.root, bundle.id), { recursive: true });
      }
    });

    test('in the data of exec is reported with the file', () => {
      const bundle = box.running(sleeping);
      const path = pathOf(bundle, 'exec.json');
      const data = JSON.parse(readFileSync(path, 'utf8')) as {
        inherited: { process: Record<string, unknown> };
      };
      for (const [name, value] of [
        ['env', 5],
        ['cwd', null],
        ['user', {}],
      ] as const) {
        const copy = structuredClone(data);
        copy.inherited.process[name] = value;
        writeFileSync(path, JSON.stringify(copy));
        const failure = box.fails(['exec', bundle.id, '/bin/true']);
        expect([name, failure.record.code]).toEqual([name, 'state.damaged']);
        expect(failure.message).toContain(path);
      }
    });

    test('in the limits of the last update is reported with the file', () => {
      const bundle = box.running(sleeping);
      const path = pathOf(bundle, 'resources.json');
      for (const text of ['', '{', '[]', '{"pids":5}']) {
        writeFileSync(path, text);
        const failure = box.fails(['update', '--pids-limit', '5', bundle.id]);
        expect([text, failure.record.code]).toEqual([text, 'state.damaged']);
        expect(failure.message).toContain(path);
      }
    });
  },
);
