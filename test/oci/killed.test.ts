// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Bundle, bind, having } from '../helpers/bundle.ts';
import { killedAt as killedIn, type TracedCall, tracedCalls as tracedIn } from '../helpers/killing.ts';
import { requires } from '../helpers/requires.ts';
import { host, isTsubo, runtime } from '../helpers/runtime.ts';
import { sandbox, until } from '../helpers/sandbox.ts';
import type { Traces } from '../helpers/traces.ts';

/** Strips the variant of `mkdirat` and `renameat2`: one operation has several system calls. */
const plain = (name: string) => name.replace(/at2?$/, '');

describe.skipIf(requires('root', 'busybox', 'strace'))('a runtime that is killed', () => {
  const box = sandbox();
  const anyThread = `${runtime.name}: any of its threads may make a system call`;

  const tracedCalls = (args: readonly string[], id: string): TracedCall[] => tracedIn(box, args, id);
  const killedAt = (call: TracedCall, args: readonly string[]): boolean => killedIn(box, call, args);

  /** `delete --force` removes all traces at once, apart from processes that are not yet reaped. */
  const isGone = async (bundle: Bundle, before: Traces, where: string) => {
    const done = box.oci(['delete', '--force', bundle.id]);
    expect({ where, status: done.status, stderr: done.stderr }).toEqual({ where, status: 0, stderr: '' });
    const same = () => JSON.stringify(box.traces()) === JSON.stringify(before);
    await until(where, same, 2000).catch(() =>
      expect({ where, ...box.traces() }).toEqual({ where, ...before }),
    );
  };

  test.for(['without hooks', 'with hooks', 'in a user namespace'])(
    'at any moment of create %s leaves no traces that delete --force does not remove',
    async (how, context) => {
      context.skip(!isTsubo, anyThread);
      const bundle = box.bundle(made => {
        const hook = [{ path: '/bin/true' }];
        if (how === 'with hooks')
          made.config.hooks = { createRuntime: hook, createContainer: hook, poststop: hook };
        if (how === 'in a user namespace') {
          made.userNamespace();
          made.config.process.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 100, hard: 200 }];
          having(bind(box.source(), '/a', 'idmap'))(made);
        }
      });
      const before = box.traces();
      const pids = box.mkdir('pids');
      const args = ['create', '--bundle', bundle.dir, '--pid-file', join(pids, 'pid'), bundle.id];
      // The directory of all containers exists from here on, so every create makes the same calls.
      mkdirSync(box.root, { recursive: true, mode: 0o700 });
      const calls = tracedCalls(args, bundle.id);
      await isGone(bundle, before, 'create was not killed');
      let killed = 0;
      for (const call of calls) {
        if (!killedAt(call, args)) continue;
        killed += 1;
        await isGone(bundle, before, call.line);
      }
      expect(killed).toBeGreaterThan(30);
      const names = calls.map(call => call.name);
      if (how === 'in a user namespace') {
        // The runtime writes the mappings and sets the limits.
        expect(calls.some(({ line }) => line.includes('/uid_map'))).toBe(true);
      }
      expect(names.map(plain)).toEqual(expect.arrayContaining(['mkdir', 'mknod', 'rename', 'clone3']));
    },
  );

  test.for(['delete', 'delete --force'])(
    'after any time of create leaves a container that state reports and %s removes, or only a directory',
    async (command, context) => {
      // Between the directory and the record in it there is no container yet, and only force removes the directory.
      const noContainer = /does not exist|the create of the container was killed/;
      context.skip(!isTsubo, 'other runtimes leave processes and cgroups behind');
      const before = box.traces();
      for (let round = 0; round < 25; round++) {
        const bundle = box.bundle(made => {
          made.config.process.args = ['/bin/sleep', '1000'];
        });
        const creating = box.spawn(['create', '--bundle', bundle.dir, bundle.id], {
          stdio: ['ignore', 'ignore', 'ignore'],
        });
        await new Promise(resolve => setTimeout(resolve, Math.random() * (host === 'node' ? 200 : 25)));
        creating.child.kill('SIGKILL');
        const { status } = await creating.ended;
        const state = box.oci(['state', bundle.id]);
        if (state.status === 0) expect(state.stdout).toMatch(status === 0 ? /created/ : /created|stopped/);
        else expect(state.stderr).toMatch(noContainer);
        const done = box.oci([...command.split(' '), bundle.id]);
        if (done.status !== 0) {
          expect(done.stderr).toMatch(noContainer);
          expect([state.status, command]).toEqual([1, 'delete']);
          box.must(['delete', '--force', bundle.id]);
        }
        const same = () => JSON.stringify(box.traces()) === JSON.stringify(before);
        await until('nothing is left', same, 3000).catch(() =>
          expect({ round, ...box.traces() }).toEqual({ round, ...before }),
        );
      }
    },
  );

  test('while it writes the pid file does not block a later create', async context => {
    context.skip(!isTsubo, anyThread);
    const bundle = box.bundle();
    const before = box.traces();
    const pids = box.mkdir('pids');
    const args = ['create', '--bundle', bundle.dir, '--pid-file', join(pids, 'pid'), bundle.id];
    const all = tracedCalls(args, bundle.id);
    await isGone(bundle, before, 'create was not killed');
    const last = all.findIndex(({ line }) => line.includes(pids));
    expect(last).toBeGreaterThan(0);
    for (const call of all.slice(last, last + 5)) {
      if (!killedAt(call, args)) continue;
      await isGone(bundle, before, call.line);
      box.must(args);
      expect(readFileSync(join(pids, 'pid'), 'utf8')).toBe(String(box.state(bundle.id).pid));
      await isGone(bundle, before, `after ${call.line}`);
      expect(readdirSync(pids)).toEqual(['pid']);
    }
  });

  test('at any moment of start leaves a container that can be deleted', async context => {
    context.skip(!isTsubo, anyThread);
    const bundle = box.bundle(made => {
      made.config.process.args = ['/bin/sleep', '1000'];
    });
    const before = box.traces();
    const fresh = () => box.create(bundle);
    fresh();
    const calls = tracedCalls(['start', bundle.id], bundle.id);
    await isGone(bundle, before, 'start was not killed');
    for (const call of calls) {
      fresh();
      killedAt(call, ['start', bundle.id]);
      expect(['created', 'running'], call.line).toContain(box.state(bundle.id).status);
      await isGone(bundle, before, call.line);
    }
    expect(calls.length).toBeGreaterThan(3);
  });

  test('at any moment of exec leaves the container unchanged', async context => {
    context.skip(!isTsubo, anyThread);
    const bundle = box.running();
    const before = box.traces();
    const pids = box.mkdir('pids');
    const args = ['exec', '--pid-file', join(pids, 'pid'), bundle.id, '/bin/true'];
    const calls = tracedCalls(args, bundle.id);
    let killed = 0;
    for (const call of calls) {
      if (!killedAt(call, args)) continue;
      killed += 1;
      const same = () => JSON.stringify(box.traces()) === JSON.stringify(before);
      await until(call.line, same, 2000);
      expect(box.state(bundle.id).status, call.line).toBe('running');
    }
    expect(killed).toBeGreaterThan(10);
    expect(calls.map(call => plain(call.name))).toEqual(expect.arrayContaining(['clone3', 'rename']));
  });

  test('at any moment of delete can delete again', async context => {
    context.skip(!isTsubo, anyThread);
    const bundle = box.bundle(made => {
      made.config.process.args = ['/bin/sleep', '1000'];
    });
    const before = box.traces();
    const fresh = () => {
      box.create(bundle);
      box.must(['start', bundle.id]);
      const { pid } = box.state(bundle.id);
      const cgroup = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1];
      mkdirSync(box.view.path(`/sys/fs/cgroup${cgroup}/inner`));
    };
    fresh();
    const calls = tracedCalls(['delete', '--force', bundle.id], bundle.id);
    for (const call of calls) {
      fresh();
      killedAt(call, ['delete', '--force', bundle.id]);
      await isGone(bundle, before, call.line);
    }
    expect(calls.length).toBeGreaterThan(3);
    expect(existsSync(join(box.root, bundle.id))).toBe(false);
  });

  test('while its container runs in the foreground leaves traces that delete --force removes', async () => {
    const bundle = box.bundle(made => made.shell('echo ready; sleep 1000'));
    const before = box.traces();
    const running = box.spawn(['run', '--bundle', bundle.dir, bundle.id]);
    await until('the program runs', () => running.stdout() === 'ready\n');
    const exit = once(running.child, 'exit');
    running.child.kill('SIGKILL');
    expect(await exit).toEqual([null, 'SIGKILL']);
    expect(box.state(bundle.id).status).toMatch(/running|stopped/);
    await isGone(bundle, before, 'run');
  });
});
