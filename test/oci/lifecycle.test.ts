// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo } from '../helpers/runtime.ts';
import { type State, sandbox, until } from '../helpers/sandbox.ts';
import { layouts } from '../helpers/view.ts';

describe.skipIf(requires('root', 'busybox', 'cgroup2')).each(layouts)(
  'a container (%s cgroup layout)',
  layout => {
    const box = sandbox(layout);

    const created = () => {
      const bundle = box.bundle(made => {
        made.config.process.args = ['/bin/sleep', '1000'];
      });
      box.create(bundle);
      return bundle;
    };
    const running = () => box.running();
    const stopped = async () => {
      const bundle = box.running();
      box.must(['kill', bundle.id, 'KILL']);
      await until('it has stopped', () => box.state(bundle.id).status === 'stopped');
      return bundle;
    };
    const unknown = () => box.bundle();

    /** On tsubo the code as well. */
    const refused = (args: string[], text: string, code: string) => {
      const failure = box.fails(args);
      expect(failure.status).toBe(1);
      expect(failure.message).toContain(text);
      expect(failure.message).not.toContain('\n');
      if (isTsubo) expect(failure.record.code).toBe(code);
      return failure;
    };

    describe('when created', () => {
      test('waits, and its program has not run', () => {
        const bundle = box.bundle(made => made.shell('echo ran; sleep 1000'));
        const { output } = box.create(bundle);
        const { status, pid } = box.state(bundle.id);
        expect(status).toBe('created');
        expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain('/bin/sh');
        expect(readFileSync(output, 'utf8')).toBe('');
      });

      test('has everything but the program in effect already', () => {
        const bundle = created();
        const { pid } = box.state(bundle.id);
        for (const kind of ['mnt', 'net', 'pid', 'ipc', 'uts', 'cgroup']) {
          expect(readlinkSync(`/proc/${pid}/ns/${kind}`)).not.toBe(
            readlinkSync(`/proc/${box.view.pid}/ns/${kind}`),
          );
        }
        expect(readFileSync(`/proc/${pid}/root/etc/passwd`, 'utf8')).toContain('lady');
        expect(statSync(`/proc/${pid}/root/dev/null`).isCharacterDevice()).toBe(true);
      });

      test('is no child of the runtime any more', () => {
        const { pid } = box.state(created().id);
        const parent = /PPid:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
        expect(readFileSync(`/proc/${parent}/cmdline`, 'utf8')).not.toContain(box.name);
      });

      test('can be started', async () => {
        const bundle = box.bundle(made => made.shell('echo ran'));
        const { output } = box.create(bundle);
        expect(box.must(['start', bundle.id])).toMatchObject({ stdout: '', stderr: '' });
        await until('it has run', () => readFileSync(output, 'utf8') === 'ran\n');
      });

      test('is started with the config it was created with', async () => {
        const bundle = box.bundle(made => made.shell('echo first'));
        const { output } = box.create(bundle);
        bundle.shell('echo second');
        bundle.write();
        box.must(['start', bundle.id]);
        await until('it has run', () => readFileSync(output, 'utf8') === 'first\n');
      });

      test('can be killed', async () => {
        const bundle = created();
        box.must(['kill', bundle.id, 'KILL']);
        await until('it has stopped', () => box.state(bundle.id).status === 'stopped');
      });

      test('can be deleted, as engines do', () => {
        const bundle = created();
        const { pid } = box.state(bundle.id);
        expect(box.must(['delete', bundle.id])).toMatchObject({ stdout: '', stderr: '' });
        expect(box.lives(pid)).toBe(false);
      });

      test('can be deleted by force', () => {
        box.must(['delete', '--force', created().id]);
      });

      test('dies without its program having run when it is killed', async () => {
        const bundle = box.bundle(made => made.shell('echo ran'));
        const { output } = box.create(bundle);
        box.must(['kill', bundle.id, 'KILL']);
        await until('it has stopped', () => box.state(bundle.id).status === 'stopped');
        refused(['start', bundle.id], 'cannot start a container that has stopped', 'state.not-created');
        expect(readFileSync(output, 'utf8')).toBe('');
      });
    });

    describe('when running', () => {
      test('has its program as the init as soon as start returns', async () => {
        const { status, pid } = box.state(running().id);
        const program = () => readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        expect(status).toBe('running');
        if (disagrees('runc 1.1', 'returns from start before the program has been executed')) {
          await until('the program is executed', () => program().startsWith('/bin/sleep'));
        }
        expect(program()).toBe('/bin/sleep\x001000\0');
      });

      test('cannot be started again, and goes on', () => {
        const bundle = running();
        refused(['start', bundle.id], 'cannot start an already running container', 'state.not-created');
        expect(box.state(bundle.id).status).toBe('running');
      });

      test('cannot be deleted, and goes on', () => {
        const bundle = running();
        refused(
          ['delete', bundle.id],
          `cannot delete container ${bundle.id} that is not stopped: running`,
          'state.running',
        );
        expect(box.state(bundle.id).status).toBe('running');
      });

      test('can be deleted by force', () => {
        const bundle = running();
        const { pid } = box.state(bundle.id);
        expect(box.must(['delete', '--force', bundle.id])).toMatchObject({ stdout: '', stderr: '' });
        expect(box.lives(pid)).toBe(false);
      });

      test('can be asked whether it is there', () => {
        box.must(['kill', running().id, '0']);
      });
    });

    describe('when stopped', () => {
      test('has no pid', async () => {
        expect(box.state((await stopped()).id)).toMatchObject({ status: 'stopped', pid: 0 });
      });

      test('cannot be started', async () => {
        refused(
          ['start', (await stopped()).id],
          'cannot start a container that has stopped',
          'state.not-created',
        );
      });

      test.each(['TERM', 'KILL', '0'])('cannot be sent %s', async signal => {
        refused(['kill', (await stopped()).id, signal], 'container not running', 'state.not-running');
      });

      test('can be deleted', async () => {
        const { id } = await stopped();
        expect(box.must(['delete', id])).toMatchObject({ stdout: '', stderr: '' });
        expect(readdirSync(box.root)).not.toContain(id);
      });

      test('can be deleted by force', async () => {
        box.must(['delete', '-f', (await stopped()).id]);
      });

      test('cannot be created again', async () => {
        const bundle = await stopped();
        refused(
          ['create', '--bundle', bundle.dir, bundle.id],
          'container with given ID already exists',
          'state.exists',
        );
      });

      test('leaves its id to another', async () => {
        const bundle = await stopped();
        box.must(['delete', bundle.id]);
        box.create(bundle);
        expect(box.state(bundle.id).status).toBe('created');
      });
    });

    describe('when unknown', () => {
      test.each(['state', 'start', 'delete'])('is an error for %s', command => {
        refused([command, unknown().id], 'does not exist', 'state.not-found');
      });

      test('is an error for kill', () => {
        refused(['kill', unknown().id, 'TERM'], 'does not exist', 'state.not-found');
      });

      test('is none for delete --force', () => {
        expect(box.must(['delete', '--force', unknown().id])).toMatchObject({ stdout: '', stderr: '' });
      });

      test('is in no list', () => {
        expect(box.oci(['list', '-q']).stdout).toBe('');
      });
    });

    describe('id', () => {
      test.each(['a', 'A-b_c+d.e', '0', '.hidden', '-'])('can be %s', id => {
        const bundle = box.bundle();
        const args = ['create', '--bundle', bundle.dir, '--', `${box.name}${id}`];
        expect(box.must(args).stdout).toBe('');
      });

      test.each(['.', '..', 'a/b', 'a b', '../up', 'ä', 'a\nb', 'a:b', '@'])('cannot be %j', id => {
        const bundle = box.bundle();
        refused(['create', '--bundle', bundle.dir, id], 'invalid container ID format', 'state.bad-id');
      });

      test('cannot be empty', () => {
        const bundle = box.bundle();
        refused(['create', '--bundle', bundle.dir, ''], 'container id cannot be empty', 'state.bad-id');
      });

      test.each(['state', 'start', 'kill', 'delete'])('that is a path is refused by %s too', command => {
        const victim = join(box.dir, 'victim');
        writeFileSync(victim, '');
        const failure = box.fails([command, '../victim']);
        expect(failure.status).toBe(1);
        expect(existsSync(victim)).toBe(true);
      });

      test.each(['create', 'run', 'state', 'start', 'kill', 'delete'])('is asked for by %s', command => {
        expect(box.oci([command]).status).toBe(1);
      });

      test('that is taken is refused, and that container goes on', () => {
        const bundle = running();
        refused(
          ['create', '--bundle', bundle.dir, bundle.id],
          'container with given ID already exists',
          'state.exists',
        );
        expect(box.state(bundle.id).status).toBe('running');
      });
    });

    describe('pid file', () => {
      test('has the pid and no newline', () => {
        const bundle = box.bundle();
        const file = box.fresh('pid');
        box.create(bundle, '--pid-file', file);
        expect(readFileSync(file, 'utf8')).toBe(String(box.state(bundle.id).pid));
      });

      test('is found from where the caller is, not from the bundle', () => {
        const bundle = box.bundle();
        const dir = box.mkdir('caller');
        box.must(['create', '--bundle', bundle.dir, '--pid-file', 'pid', bundle.id], { cwd: dir });
        expect(readFileSync(join(dir, 'pid'), 'utf8')).toBe(String(box.state(bundle.id).pid));
        expect(readdirSync(dir)).toEqual(['pid']);
      });

      test('replaces an old one', () => {
        const bundle = box.bundle();
        const file = box.fresh('pid');
        writeFileSync(file, 'something much longer than a pid');
        box.create(bundle, '--pid-file', file);
        expect(readFileSync(file, 'utf8')).toBe(String(box.state(bundle.id).pid));
      });

      test('that cannot be written fails the create', () => {
        const bundle = box.bundle();
        const before = box.traces();
        const failure = box.fails([
          'create',
          '--bundle',
          bundle.dir,
          '--pid-file',
          '/nowhere/pid',
          bundle.id,
        ]);
        expect(failure.message).toContain('no such file or directory');
        expect(box.traces()).toEqual(before);
      });
    });

    describe('state', () => {
      test('is a document of these bytes', () => {
        const bundle = box.bundle(made => {
          made.config.annotations = { 'org.example.b': 'two', 'org.example.a': 'one & <only>' };
          made.config.process.args = ['/bin/sleep', '1000'];
        });
        box.create(bundle);
        const text = box.must(['state', bundle.id]).stdout;
        const state = JSON.parse(text) as State;
        expect(text).toBe(
          [
            '{',
            `  "ociVersion": ${JSON.stringify(state.ociVersion)},`,
            `  "id": "${bundle.id}",`,
            `  "pid": ${state.pid},`,
            '  "status": "created",',
            `  "bundle": "${bundle.dir}",`,
            `  "rootfs": "${bundle.rootfs}",`,
            `  "created": "${state.created}",`,
            '  "annotations": {',
            '    "org.example.a": "one \\u0026 \\u003conly\\u003e",',
            '    "org.example.b": "two"',
            '  },',
            '  "owner": ""',
            '}',
          ].join('\n'),
        );
        expect(state.ociVersion).toMatch(/^1\.\d+\.\d+/);
        expect(state.created).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/);
        expect(Math.abs(Date.parse(state.created) - Date.now())).toBeLessThan(60_000);
      });

      test('has no annotations when there are none', () => {
        expect(box.must(['state', created().id]).stdout).not.toContain('annotations');
      });

      test('has the bundle as an absolute path', () => {
        const bundle = box.bundle();
        box.must(['create', '--bundle', basename(bundle.dir), bundle.id], { cwd: box.dir });
        expect(box.state(bundle.id)).toMatchObject({ bundle: bundle.dir, rootfs: bundle.rootfs });
      });

      test('keeps its time', async () => {
        const bundle = created();
        const { created: time } = box.state(bundle.id);
        box.must(['start', bundle.id]);
        expect(box.state(bundle.id).created).toBe(time);
        box.must(['kill', bundle.id, 'KILL']);
        await until('it has stopped', () => box.state(bundle.id).status === 'stopped');
        expect(box.state(bundle.id).created).toBe(time);
      });
    });

    describe('kill', () => {
      /** A container whose program tells of the signals it gets, and has its traps set. */
      const trapping = async () => {
        const bundle = box.bundle(made => {
          made.shell(
            'for s in TERM HUP USR1 INT; do trap "echo $s" $s; done; echo ready; while :; do sleep 0.01; done',
          );
        });
        const { output } = box.create(bundle);
        box.must(['start', bundle.id]);
        const printed = () => readFileSync(output, 'utf8');
        await until('the traps are set', () => printed() === 'ready\n');
        return { bundle, printed };
      };

      test.each<[string[], string]>([
        [[], 'TERM'],
        [['TERM'], 'TERM'],
        [['SIGTERM'], 'TERM'],
        [['sigterm'], 'TERM'],
        [['term'], 'TERM'],
        [['15'], 'TERM'],
        [['HUP'], 'HUP'],
        [['10'], 'USR1'],
        [['SigInt'], 'INT'],
      ])('%j sends %s', async (words, expected) => {
        const { bundle, printed } = await trapping();
        expect(box.must(['kill', bundle.id, ...words])).toMatchObject({ stdout: '', stderr: '' });
        await until(`${expected} arrives`, () => printed() === `ready\n${expected}\n`);
      });

      test('--all is taken', async () => {
        const { bundle, printed } = await trapping();
        box.must(['kill', '--all', bundle.id, 'USR1']);
        await until('USR1 arrives', () => printed() === 'ready\nUSR1\n');
      });

      test.each(['NOPE', 'SIG', 'TERMINATE', '-9', '1.5'])('refuses the signal %j', signal => {
        const bundle = running();
        const failure = box.fails(['kill', bundle.id, signal]);
        expect(failure.status).toBe(1);
        expect(box.state(bundle.id).status).toBe('running');
      });

      test('KILL ends every process of a container that shares the pid namespace of the runtime', async () => {
        const bundle = box.running(made => {
          made.shell('sleep 1001 & sleep 1002 & wait');
          made.namespace('pid');
          made.config.linux.maskedPaths = [];
        });
        await until('all three run', () => box.traces().processes.length === 3);
        const initOnly = disagrees(
          'runc 1.1',
          'kills the init alone, even without a pid namespace, unless told --all',
        );
        box.must(['kill', ...(initOnly ? ['--all'] : []), bundle.id, 'KILL']);
        await until('none is left', () => box.traces().processes.length === 0);
      });

      test('TERM is for the init alone', async () => {
        const bundle = box.running(made => {
          made.shell('trap "exit 0" TERM; sleep 1001 & echo up; wait; wait');
          made.namespace('pid');
          made.config.linux.maskedPaths = [];
        });
        await until('both run', () => box.traces().processes.length === 2);
        box.must(['kill', bundle.id, 'TERM']);
        await until('the init is gone', () => box.state(bundle.id).status === 'stopped');
        expect(box.traces().processes.filter(line => line.includes('sleep 1001'))).toHaveLength(1);
      });
    });

    describe('list', () => {
      test('is a table', () => {
        const bundle = created();
        const state = box.state(bundle.id);
        const lines = box.must(['list']).stdout.split('\n');
        expect(lines).toHaveLength(3);
        const cells = (line: string | undefined) => line?.trimEnd().split(/ {3,}/);
        expect(cells(lines[0])).toEqual(['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER']);
        expect(cells(lines[1])).toEqual([
          bundle.id,
          String(state.pid),
          'created',
          bundle.dir,
          state.created,
          'root',
        ]);
        const widths = (line: string | undefined) =>
          [...(line ?? '').matchAll(/\S+\s*/g)].map(match => match.index);
        expect(widths(lines[0])).toEqual(widths(lines[1]));
      });

      test('is JSON in one line', () => {
        const bundle = running();
        const state = box.state(bundle.id);
        const { stdout } = box.must(['list', '--format', 'json']);
        expect(stdout.endsWith('\n')).toBe(true);
        expect(stdout.trim()).not.toContain('\n');
        expect(JSON.parse(stdout)).toEqual([{ ...state, owner: 'root' }]);
        expect(Object.keys((JSON.parse(stdout) as object[])[0] ?? {})).toEqual(
          'ociVersion id pid status bundle rootfs created owner'.split(' '),
        );
      });

      test('is only ids with -q', () => {
        const ids = [created().id, running().id].sort();
        expect(box.must(['list', '-q']).stdout).toBe(`${ids.join('\n')}\n`);
        expect(box.must(['list', '--quiet']).stdout).toBe(`${ids.join('\n')}\n`);
      });

      test('is null as JSON when there are none', () => {
        box.must(['delete', created().id]);
        expect(box.must(['list', '-f', 'json']).stdout).toBe('null\n');
      });

      test('refuses another format', () => {
        expect(box.fails(['list', '--format', 'yaml']).status).toBe(1);
      });

      test('passes over a damaged one, and says so', () => {
        const bundle = created();
        const damaged = join(box.root, `${box.name}-damaged`);
        box.view.sh('mkdir "$1"; echo "{" >"$1/state.json"', damaged);
        try {
          const done = box.oci(['list', '-q']);
          expect(done.stdout).toBe(`${bundle.id}\n`);
          expect(done.stderr).toContain(`${box.name}-damaged`);
          expect(done.status).toBe(0);
        } finally {
          box.view.sh('rm -r "$1"', damaged);
        }
      });
    });

    describe('state directory', () => {
      test('is closed to others', () => {
        const bundle: Bundle = created();
        expect(statSync(box.root).mode & 0o7777).toBe(0o700);
        expect(statSync(join(box.root, bundle.id)).mode & 0o7777).toBe(0o711);
        expect(statSync(join(box.root, bundle.id, 'state.json')).mode & 0o7777).toBe(0o600);
      });

      test('has the FIFO of start while the container is created, and not later', () => {
        const bundle = created();
        const fifo = join(box.root, bundle.id, 'exec.fifo');
        expect(statSync(fifo).isFIFO()).toBe(true);
        box.must(['start', bundle.id]);
        expect(existsSync(fifo)).toBe(false);
      });

      test('of one root is unknown to another', () => {
        const bundle = created();
        const other = box.mkdir('root');
        const command = box.command().map(word => (word === box.root ? other : word));
        expect(box.view.exec([...command, 'state', bundle.id]).status).toBe(1);
        expect(box.view.exec([...command, 'list', '-q']).stdout).toBe('');
      });
    });
  },
);
