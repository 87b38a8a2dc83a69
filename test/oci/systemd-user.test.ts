// SPDX-License-Identifier: Apache-2.0
import { chownSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo, type Runtime, runtime } from '../helpers/runtime.ts';
import { type Sandbox, sandbox } from '../helpers/sandbox.ts';

const mega = 1048576;
const uid = 1000;
const directory = `/run/user/${uid}`;
const manager = `/user.slice/user-${uid}.slice/user@${uid}.service`;
const becomeUser = ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--inh-caps=-all', '--'];

/** The runtime as that user, with the environment to reach systemd. */
function asUser(...environment: string[]): Runtime {
  return { ...runtime, command: [...becomeUser, 'env', ...environment, ...runtime.command] };
}

/** The user owns the directories that the runtime writes to. */
function prepare(box: Sandbox): void {
  beforeAll(() => {
    chownSync(box.dir, uid, uid);
    mkdirSync(box.root);
    chownSync(box.root, uid, uid);
  });
}

/** With one user and one group: without a group 5 for terminals. */
function ofUser(made: Bundle): void {
  made.userNamespace(uid, 1);
  made.mount('/dev/pts').options = ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'];
}

function created(box: Sandbox, modify?: (bundle: Bundle) => void): Bundle {
  const bundle = box.bundle(made => {
    made.config.process.args = ['/bin/sleep', '1000'];
    ofUser(made);
    modify?.(made);
  });
  box.must(['--systemd-cgroup', 'create', '--bundle', bundle.dir, bundle.id]);
  return bundle;
}

describe.skipIf(requires('root', 'busybox', 'systemd', 'user-manager'))(
  'a container of a systemd user manager',
  () => {
    const box = sandbox('unified', asUser(`XDG_RUNTIME_DIR=${directory}`));
    const overBus = sandbox('unified', asUser(`DBUS_SESSION_BUS_ADDRESS=unix:path=${directory}/bus`));
    const alone = sandbox('unified', asUser());
    prepare(box);
    prepare(overBus);
    prepare(alone);
    // The manager of a logged-in user must keep running.
    let startedHere = false;
    beforeAll(() => {
      const unit = `user@${uid}.service`;
      startedHere = box.view.exec(['systemctl', '--quiet', 'is-active', unit]).status !== 0;
      box.view.sh('systemctl start "$1"', unit);
    });
    afterAll(() => {
      if (startedHere) box.view.sh('systemctl stop "$1"', `user@${uid}.service`);
    });

    const place = (one: Sandbox, { id }: Bundle): string | undefined =>
      /^0::(.*)$/m.exec(readFileSync(`/proc/${one.state(id).pid}/cgroup`, 'utf8'))?.[1];
    const show = (id: string, ...properties: string[]): string =>
      box.view.sh(
        '"$@"',
        ...[...becomeUser, 'env', `XDG_RUNTIME_DIR=${directory}`, 'systemctl', '--user', 'show'],
        ...['--no-pager', `runc-${id}.scope`, ...properties.map(name => `-p${name}`)],
      );

    test('is a scope of the user manager, with limits that systemd reports and the kernel enforces', () => {
      const bundle = created(box, made => {
        made.config.linux.resources = { memory: { limit: 64 * mega }, pids: { limit: 42 } };
      });
      const cgroup = place(box, bundle);
      expect(cgroup).toBe(`${manager}/user.slice/runc-${bundle.id}.scope`);
      const file = (name: string) => readFileSync(`/sys/fs/cgroup${cgroup}/${name}`, 'utf8').trim();
      expect([file('memory.max'), file('pids.max')]).toEqual([`${64 * mega}`, '42']);
      expect(show(bundle.id, 'ActiveState', 'Delegate', 'MemoryMax', 'TasksMax').split('\n')).toEqual(
        expect.arrayContaining([
          ...['ActiveState=active', 'Delegate=yes', `MemoryMax=${64 * mega}`, 'TasksMax=42'],
        ]),
      );
      box.must(['start', bundle.id]);
      // From outside the cgroups of the user, only root may move a process into them.
      const inside = [...becomeUser, 'env', `XDG_RUNTIME_DIR=${directory}`];
      const scope = ['systemd-run', '--user', '--scope', '--quiet', ...runtime.command, '--root', box.root];
      const done = box.view.exec([...inside, ...scope, 'exec', bundle.id, '/bin/cat', '/proc/self/cgroup']);
      expect(done).toMatchObject({ status: 0, stdout: '0::/\n' });
      box.must(['update', '--memory', `${80 * mega}`, '--pids-limit', '77', bundle.id]);
      expect([file('memory.max'), file('pids.max')]).toEqual([`${80 * mega}`, '77']);
      expect(show(bundle.id, 'MemoryMax')).toBe(`MemoryMax=${80 * mega}\n`);
      box.must(['delete', '--force', bundle.id]);
      expect(show(bundle.id, 'LoadState')).toBe('LoadState=not-found\n');
      expect(existsSync(`/sys/fs/cgroup${cgroup}`)).toBe(false);
    });

    test('may be requested over the session bus', () => {
      const bundle = created(overBus, made => {
        made.config.linux.cgroupsPath = `app.slice:jar:${made.id}`;
      });
      expect(place(overBus, bundle)).toBe(`${manager}/app.slice/jar-${bundle.id}.scope`);
    });

    test('is refused if the environment names no session', () => {
      const bundle = alone.bundle(ofUser);
      const before = alone.traces();
      const failure = alone.fails(['--systemd-cgroup', 'create', '--bundle', bundle.dir, bundle.id]);
      if (isTsubo)
        expect(failure.record).toMatchObject({
          code: 'host.systemd',
          hint: expect.stringContaining('XDG_RUNTIME_DIR'),
        });
      expect(alone.traces()).toEqual(before);
    });
  },
);
