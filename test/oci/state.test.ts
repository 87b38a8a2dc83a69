// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';
import { type State, sandbox, until } from '../helpers/sandbox.ts';
import { problemsWith } from '../helpers/schemas.ts';

describe.skipIf(requires('root', 'busybox', 'cgroup2'))('the documents about a container:', () => {
  const box = sandbox();

  test('features are a document of the specification', () => {
    expect(problemsWith('features', JSON.parse(box.must(['features']).stdout))).toEqual([]);
  });

  describe('state', () => {
    test('is a document of the specification in every status', () => {
      const look = (id: string): string => {
        const document = box.state(id);
        // The specification allows a runtime to add statuses.
        const { status } = document;
        const comparable = status === 'paused' ? { ...document, status: 'running' } : document;
        expect(problemsWith('state', comparable)).toEqual([]);
        return status;
      };
      const bundle = box.created(made => {
        made.config.annotations = { 'org.example.a': 'x' };
      });
      expect(look(bundle.id)).toBe('created');
      box.must(['start', bundle.id]);
      expect(look(bundle.id)).toBe('running');
      box.must(['pause', bundle.id]);
      expect(look(bundle.id)).toBe('paused');
      box.must(['resume', bundle.id]);
      box.must(['kill', bundle.id, 'KILL']);
      return until('it has stopped', () => look(bundle.id) === 'stopped');
    });

    test('has exactly this text', () => {
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

    test('has no annotations if the config has none', () => {
      expect(box.must(['state', box.created().id]).stdout).not.toContain('annotations');
    });

    test('has the bundle as an absolute path', () => {
      const bundle = box.bundle();
      box.must(['create', '--bundle', basename(bundle.dir), bundle.id], { cwd: box.dir });
      expect(box.state(bundle.id)).toMatchObject({ bundle: bundle.dir, rootfs: bundle.rootfs });
    });

    test('keeps its time of creation', async () => {
      const bundle = box.created();
      const { created: time } = box.state(bundle.id);
      box.must(['start', bundle.id]);
      expect(box.state(bundle.id).created).toBe(time);
      box.must(['kill', bundle.id, 'KILL']);
      await until('it has stopped', () => box.state(bundle.id).status === 'stopped');
      expect(box.state(bundle.id).created).toBe(time);
    });
  });

  describe('list', () => {
    test('is a table', () => {
      const bundle = box.created();
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
      const bundle = box.running();
      const state = box.state(bundle.id);
      const { stdout } = box.must(['list', '--format', 'json']);
      expect(stdout.endsWith('\n')).toBe(true);
      expect(stdout.trim()).not.toContain('\n');
      expect(JSON.parse(stdout)).toEqual([{ ...state, owner: 'root' }]);
      expect(Object.keys((JSON.parse(stdout) as object[])[0] ?? {})).toEqual(
        'ociVersion id pid status bundle rootfs created owner'.split(' '),
      );
    });

    test('contains only ids with -q', () => {
      const ids = [box.created().id, box.running().id].sort();
      expect(box.must(['list', '-q']).stdout).toBe(`${ids.join('\n')}\n`);
      expect(box.must(['list', '--quiet']).stdout).toBe(`${ids.join('\n')}\n`);
    });

    test('is null as JSON without a container', () => {
      box.must(['delete', box.created().id]);
      expect(box.must(['list', '-f', 'json']).stdout).toBe('null\n');
    });

    test('contains the values of state for each container', async () => {
      const annotated = box.created(made => {
        made.config.annotations = { 'org.example.b': 'two', 'org.example.a': '"one"' };
      });
      const paused = box.running();
      box.must(['pause', paused.id]);
      const stopped = box.running();
      box.must(['kill', stopped.id, 'KILL']);
      await until('it has stopped', () => box.state(stopped.id).status === 'stopped');
      const ids = [annotated.id, paused.id, stopped.id, box.running().id].sort();
      const states = ids.map(id => ({ ...box.state(id), owner: 'root' }));
      expect(JSON.parse(box.must(['list', '--format', 'json']).stdout)).toEqual(states);
      const rows = box.must(['list']).stdout.trimEnd().split('\n').slice(1);
      expect(rows.map(row => row.split(/ +/))).toEqual(
        states.map(state => [state.id, `${state.pid}`, state.status, state.bundle, state.created, 'root']),
      );
      box.must(['resume', paused.id]);
    });

    // Node makes other calls too, and not the same number each time.
    test.skipIf(!isTsubo || requires('strace', 'host:standalone'))(
      'needs twelve system calls for each running container',
      () => {
        const calls = (): number => {
          const trace = box.fresh('strace');
          const done = box.view.exec(['strace', '-qq', '-o', trace, ...box.command('list')]);
          expect(done.status).toBe(0);
          // The heap grows at some containers and not at others.
          const others = readFileSync(trace, 'utf8').replaceAll(/^m(?:un|re)?map.*\n/gm, '');
          return others.trimEnd().split('\n').length;
        };
        box.running();
        const one = calls();
        box.running();
        // Four for its record, one to see that its process exists, three each for its stat and cgroup.freeze, one for the FIFO.
        expect(calls() - one).toBeLessThanOrEqual(12);
      },
    );

    test('refuses an unknown format', () => {
      const failure = box.fails(['list', '--format', 'yaml']);
      expect(failure.status).toBe(1);
      expect(failure.message).toContain('invalid format option');
    });

    test('skips a damaged container with a warning', () => {
      const bundle = box.created();
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

    test.runIf(isTsubo)('uses nothing of a truncated record', () => {
      const bundle = box.created();
      const damaged = join(box.root, `${box.name}-damaged`);
      box.view.sh(
        'mkdir "$2"; head -c -2 "$1/state.json" >"$2/state.json"',
        join(box.root, bundle.id),
        damaged,
      );
      try {
        const done = box.oci(['list', '-q']);
        expect(done.stdout).toBe(`${bundle.id}\n`);
        expect(done.stderr).toContain(`the state file ${damaged}/state.json is damaged`);
        expect(done.status).toBe(0);
      } finally {
        box.view.sh('rm -r "$1"', damaged);
      }
    });
  });

  describe.runIf(isTsubo)('with files that other programs may have written', () => {
    test.each([
      ['belongs to another user', 'chown 12345:12345 "$1"'],
      ['may be written to by its group', 'chmod 0620 "$1"'],
      ['may be written to by all', 'chmod 0602 "$1"'],
    ])('is trusted by no command: it %s', (_, script) => {
      const victim = box.running();
      const forged = `${box.name}-forged`;
      const directory = join(box.root, forged);
      const path = join(directory, 'state.json');
      const record = JSON.parse(readFileSync(join(box.root, victim.id, 'state.json'), 'utf8')) as object;
      const touched = box.fresh('touched');
      const hook = { path: '/bin/busybox', args: ['touch', touched] };
      box.view.sh('mkdir "$1"', directory);
      writeFileSync(path, JSON.stringify({ ...record, id: forged, hooks: { poststop: [hook] } }));
      box.view.sh(script, path);
      try {
        for (const args of [
          ['state', forged],
          ['kill', forged, 'KILL'],
          ['pause', forged],
          ['ps', forged],
          ['events', '--stats', forged],
          ['update', '--pids-limit', '7', forged],
          ['exec', forged, '/bin/true'],
          ['start', forged],
          ['delete', forged],
          ['delete', '--force', forged],
        ]) {
          const failure = box.fails(args);
          expect(failure.message).toContain(
            `unable to trust the state file ${path}: another user owns it or can write to it`,
          );
          expect(failure.record).toMatchObject({ code: 'state.untrusted', path });
          expect(failure.record['hint']).toContain('--root must name a directory');
        }
        expect(box.state(victim.id).status).toBe('running');
        expect(existsSync(touched)).toBe(false);
      } finally {
        box.view.sh('rm -r "$1"', directory);
      }
    });
  });
});
