// SPDX-License-Identifier: Apache-2.0
import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { companions } from '../helpers/companions.ts';
import { helperProgram } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo, skipWhere } from '../helpers/runtime.ts';
import { sandbox, until } from '../helpers/sandbox.ts';
import { asUser, prepareUser, unprivileged } from '../helpers/user.ts';
import { path as programs } from '../helpers/view.ts';

describe.skipIf(requires('root', 'busybox', 'g++'))('a service manager that awaits the container', () => {
  const box = sandbox();
  const beside = companions();

  beforeEach(context => {
    skipWhere(context, 'crun', 'gives the container the socket of the service manager itself');
  });

  /** A service manager, and the environment with which it starts the runtime. */
  async function manager(path = join(box.mkdir('manager'), 's')) {
    const running = await beside.listening('notify', ['listen', path], path);
    const lines = () => running.stdout().split('\n').filter(Boolean);
    const received = async (text: string) => {
      await until(`the service manager received ${text}`, () => lines().some(line => line.includes(text)));
      return lines();
    };
    return { lines, received, exec: { env: { PATH: programs, NOTIFY_SOCKET: path } } };
  }

  /** A container whose program runs this script; `notify send` is in its PATH. */
  const sending =
    (script: string) =>
    (bundle: Bundle): void => {
      copyFileSync(helperProgram('notify'), bundle.inRoot('/bin/notify'));
      bundle.shell(script);
    };

  test('start waits for READY=1, and names the program as the main process', async () => {
    const { received, lines, exec } = await manager();
    const bundle = box.bundle(
      sending('until test -e /go; do sleep 0.02; done; notify send READY=1; exec sleep 1000'),
    );
    box.must(['create', '--bundle', bundle.dir, bundle.id], exec);
    const { pid } = box.state(bundle.id);
    const start = beside.watch(box.view.spawn(box.command('start', bundle.id), exec));
    await until('it runs', () => box.state(bundle.id).status === 'running');
    expect([lines(), start.child.exitCode]).toEqual([[], null]);
    box.view.sh(': >"$1"', bundle.inRoot('/go'));
    expect(await start.ended).toEqual({ status: 0, signal: null });
    const all = (await received('MAINPID=')).join('\n');
    expect(all).toMatch(/^READY=1 /);
    expect(all).toContain(`MAINPID=${pid} `);
    if (!disagrees('runc 1.1', 'sends no BARRIER')) {
      expect((await received('BARRIER=1')).join('\n')).toMatch(/BARRIER=1 .*with a descriptor/);
    }
  });

  test('start returns when the program ends without READY=1', async () => {
    const { lines, exec } = await manager();
    const bundle = box.bundle(sending('notify send STATUS=no STOPPING=1'));
    box.must(['create', '--bundle', bundle.dir, bundle.id], exec);
    box.must(['start', bundle.id], { ...exec, timeoutMs: 30_000 });
    await until('it has stopped', () => box.state(bundle.id).status === 'stopped');
    expect(lines()).toEqual([]);
  });

  test('run --detach returns after READY=1 among other lines, of a user without rights', async context => {
    skipWhere(context, 'runc 1.1', 'finds READY=1 only in the first line');
    const { received, exec } = await manager();
    const bundle = box.bundle(made => {
      sending('notify send STATUS=begins; notify send "STATUS=works\nREADY=1"; exec sleep 1000')(made);
      made.config.process.user = { uid: 1000, gid: 1000 };
    });
    box.must(['run', '--detach', '--bundle', bundle.dir, bundle.id], { ...exec, timeoutMs: 30_000 });
    expect((await received('BARRIER=1')).join('\n')).toContain(`MAINPID=${box.state(bundle.id).pid} `);
  });

  test('run in the foreground stays the main process, and later datagrams never block the program', async context => {
    skipWhere(context, 'runc 1.1', 'sends READY and MAINPID in two datagrams');
    const { received, exec } = await manager();
    const script =
      'notify send READY=1; n=0; while [ $n -lt 100 ]; do notify send WATCHDOG=1; n=$((n+1)); done; echo sent';
    const bundle = box.bundle(sending(script));
    const run = beside.watch(box.view.spawn(box.command('run', '--bundle', bundle.dir, bundle.id), exec));
    expect(await run.ended).toEqual({ status: 0, signal: null });
    expect(run.stdout()).toBe('sent\n');
    const all = await received('MAINPID=');
    expect(all).toHaveLength(1);
    // The process that the service manager started is the sender, and remains the main process.
    const [, main, sender] = /^READY=1 MAINPID=(\d+)\s+from (\d+)$/.exec(all[0] ?? '') ?? [];
    expect(main).toBe(String(run.child.pid));
    expect(sender).toBe(main);
  });

  test('an abstract name works, and so does a user namespace', async () => {
    const { received, exec } = await manager(`@${box.name}-manager`);
    const bundle = box.bundle(made => {
      sending('notify send READY=1; exec sleep 1000')(made);
      made.userNamespace();
    });
    box.must(['run', '--detach', '--bundle', bundle.dir, bundle.id], { ...exec, timeoutMs: 30_000 });
    expect((await received('MAINPID=')).join('\n')).toContain(`MAINPID=${box.state(bundle.id).pid} `);
  });

  test('the socket is read-only in the container, and is gone with it', async () => {
    const { exec } = await manager();
    const bundle = box.bundle(
      sending('rm /run/notify/notify.sock; echo $NOTIFY_SOCKET; notify send READY=1; exec sleep 1000'),
    );
    const done = box.must(['run', '--detach', '--bundle', bundle.dir, bundle.id], {
      ...exec,
      timeoutMs: 30_000,
    });
    expect(done.stderr).toContain('Read-only file system');
    expect(done.stdout).toBe('/run/notify/notify.sock\n');
    box.must(['delete', '--force', bundle.id]);
    expect(existsSync(join(box.root, bundle.id))).toBe(false);
  });

  test('a service manager that cannot be reached is a warning, and the container runs', async context => {
    skipWhere(context, 'runc 1.1', 'ignores a service manager that cannot be reached');
    const exec = { env: { PATH: programs, NOTIFY_SOCKET: '/nosuch/socket' }, timeoutMs: 30_000 };
    const bundle = box.bundle(sending('notify send READY=1; exec sleep 1000'));
    const done = box.must(['run', '--detach', '--bundle', bundle.dir, bundle.id], exec);
    expect(done.stderr).toContain('unable to notify the service manager at /nosuch/socket');
    expect(box.state(bundle.id).status).toBe('running');
  });

  test('a container that was created without a service manager starts with one', async context => {
    skipWhere(context, 'runc 1.1', 'refuses to start it');
    const { exec } = await manager();
    const bundle = box.created();
    box.must(['start', bundle.id], { ...exec, timeoutMs: 30_000 });
    expect(box.state(bundle.id).status).toBe('running');
  });

  test('exec returns at once, and its program has neither the socket nor its path', async () => {
    const { received, lines, exec } = await manager();
    const bundle = box.bundle(sending('notify send READY=1; exec sleep 1000'));
    box.must(['run', '--detach', '--bundle', bundle.dir, bundle.id], { ...exec, timeoutMs: 30_000 });
    await received('MAINPID=');
    const before = lines().filter(line => !line.startsWith('BARRIER=1')).length;
    const show = ['exec', bundle.id, '/bin/sh', '-c', 'echo "path=$NOTIFY_SOCKET"'];
    expect(box.must(show, { ...exec, timeoutMs: 30_000 }).stdout).toBe('path=\n');
    box.must(['exec', '--detach', bundle.id, '/bin/sleep', '1000'], { ...exec, timeoutMs: 30_000 });
    expect(lines().filter(line => !line.startsWith('BARRIER=1'))).toHaveLength(before);
  });
});

describe.skipIf(requires('root', 'busybox', 'g++') || !isTsubo)('a user who is not root', () => {
  const box = sandbox('unified', asUser());
  const beside = companions();
  prepareUser(box);

  test('gets the readiness of its container to the service manager', async () => {
    // Another user cannot enter the directory of a file.
    const path = `@${box.name}-of-user`;
    const running = await beside.listening('notify', ['listen', path], path);
    const bundle = box.bundle(made => {
      copyFileSync(helperProgram('notify'), made.inRoot('/bin/notify'));
      unprivileged(made);
      made.shell('notify send READY=1; exec sleep 1000');
    });
    const env = { PATH: programs, NOTIFY_SOCKET: path };
    box.must(['run', '--detach', '--bundle', bundle.dir, bundle.id], { env, timeoutMs: 30_000 });
    const { pid } = box.state(bundle.id);
    await until('the manager has the process', () => running.stdout().includes(`MAINPID=${pid} `));
    expect(running.stdout()).toMatch(/^READY=1 /m);
  });
});
