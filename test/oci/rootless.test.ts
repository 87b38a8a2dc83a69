// SPDX-License-Identifier: Apache-2.0
import { chmodSync, chownSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { parseReport } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo, runtime, skipWhere } from '../helpers/runtime.ts';
import { type LogRecord, sandbox, until } from '../helpers/sandbox.ts';
import {
  asUser,
  becomeUser,
  firstSubordinateId,
  moved,
  prepareUser,
  unprivileged,
  user,
} from '../helpers/user.ts';
import { path } from '../helpers/view.ts';

const words = (text: string | undefined): string => (text ?? '').trim().split(/\s+/).join(' ');
const statusOf = (pid: number, key: string): string =>
  words(new RegExp(`^${key}:(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

describe.skipIf(requires('root', 'busybox'))('a user other than root', () => {
  const box = sandbox('unified', asUser());
  prepareUser(box);
  const also = (change: (bundle: Bundle) => void) => (made: Bundle) => {
    unprivileged(made);
    change(made);
  };

  test('runs a container as its root, which is the user on the host', () => {
    const bundle = box.running(unprivileged);
    const { pid } = box.state(bundle.id);
    expect(statusOf(pid, 'Uid')).toBe(`${user} ${user} ${user} ${user}`);
    expect(statusOf(pid, 'Groups')).toBe('');
    expect(words(readFileSync(`/proc/${pid}/uid_map`, 'utf8'))).toBe(`0 ${user} 1`);
    expect(words(readFileSync(`/proc/${pid}/gid_map`, 'utf8'))).toBe(`0 ${user} 1`);
    expect(readFileSync(`/proc/${pid}/setgroups`, 'utf8').trim()).toBe('deny');
    const seen = parseReport(box.must(['exec', bundle.id, '/bin/inside', '--probe', '/']).stdout);
    expect([seen.uids, seen.gids, seen.groups]).toEqual([[0, 0, 0], [0, 0, 0], []]);
  });

  test('grants the capabilities of the config, and no others', () => {
    const report = box.inside(unprivileged);
    expect(report.status['CapEff']).toBe('0000000020000420');
    expect(report.status['CapBnd']).toBe('0000000020000420');
    expect(report.fdNumbers).toEqual([0, 1, 2]);
    expect(report.hostname).toBe('jar');
  });

  test('performs every command from create to delete', () => {
    const bundle = box.created(
      also(({ config }) => {
        config.process.oomScoreAdj = 345;
        config.process.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 50, hard: 60 }];
      }),
    );
    const { pid } = box.state(bundle.id);
    expect(box.must(['exec', bundle.id, '/bin/id', '-u']).stdout).toBe('0\n');
    box.must(['start', bundle.id]);
    expect(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8')).toBe('345\n');
    expect(readFileSync(`/proc/${pid}/limits`, 'utf8')).toMatch(/Max open files\s+50\s+60\s/);
    const executed = box.must(['exec', bundle.id, '/bin/cat', '/proc/self/oom_score_adj']);
    expect(executed.stdout).toBe('345\n');
    box.must(['kill', bundle.id, 'KILL']);
    box.must(['delete', '--force', bundle.id]);
    expect(readdirSync(box.root)).toEqual([]);
  });

  test('has the state directory in XDG_RUNTIME_DIR', () => {
    const bundle = box.bundle(
      also(made => {
        made.shell('true');
      }),
    );
    const dir = box.mkdir('xdg');
    chownSync(dir, user, user);
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', XDG_RUNTIME_DIR: dir };
    const command = [...becomeUser, ...moved, 'run', '--bundle', bundle.dir, bundle.id];
    expect(box.view.exec(command, { env })).toMatchObject({ status: 0 });
    expect(readdirSync(dir)).toEqual([isTsubo ? 'tsubo' : runtime.name]);
  });

  // Rootless Podman calls the runtime like this too: `create` through conmon.
  test.for([
    ['create and not start', 'USER=me', '-uUSER'],
    ['start and not create', '-uUSER', 'USER=me'],
    ['create, as root, and not start', 'USER=root', '-uUSER'],
  ] as const)(
    'is found by root of a user namespace if USER is set for %s',
    ([, atCreate, atStart], context) => {
      if (atCreate === 'USER=root') skipWhere(context, 'runc', 'has another state directory with USER=root');
      const bundle = box.bundle(
        also(made => {
          made.shell('echo started');
          const mapping = [{ containerID: 0, hostID: 0, size: 1 }];
          Object.assign(made.config.linux, { uidMappings: mapping, gidMappings: mapping });
        }),
      );
      const dir = box.mkdir('xdg-root');
      chownSync(dir, user, user);
      const script = `
      runtime() { user=$1; shift; env "$user" ${moved.join(' ')} "$@"; }
      runtime ${atCreate} create --bundle ${bundle.dir} ${bundle.id} &&
      runtime ${atStart} start ${bundle.id} &&
      until runtime ${atStart} state ${bundle.id} | grep -q stopped; do sleep 0.05; done
      runtime ${atCreate} delete ${bundle.id}`;
      const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', XDG_RUNTIME_DIR: dir };
      const done = box.view.exec([...becomeUser, 'unshare', '-Urm', 'sh', '-c', script], { env });
      expect(done).toMatchObject({
        status: 0,
        stdout: 'started\n',
        stderr: '',
      });
      expect(readdirSync(join(dir, isTsubo ? 'tsubo' : runtime.name))).toEqual([]);
    },
  );

  test('needs a user namespace', () => {
    const failure = box.refuses(box.bundle(made => made.unmount('/sys')));
    expect(failure.message).toContain('rootless container requires user namespaces');
    if (isTsubo) {
      expect(failure.record).toMatchObject({ code: 'host.unsupported', pointer: '/linux/namespaces' });
    }
  });

  test.each<[string, string, (bundle: Bundle) => void]>([
    [
      'a cgroup by name',
      '/linux/cgroupsPath',
      ({ config }) => {
        config.linux.cgroupsPath = '/not-own';
      },
    ],
    [
      'a limit',
      '',
      ({ config }) => {
        config.linux.resources = { pids: { limit: 10 } };
      },
    ],
  ])('may not set %s without delegated cgroups', (_, pointer, change) => {
    const failure = box.refuses(box.bundle(also(change)));
    if (!disagrees('runc 1.1', 'reports only the errno')) {
      expect(failure.message).toContain(
        'rootless needs no limits + no cgrouppath when no permission is granted for cgroups',
      );
    }
    if (isTsubo) expect(failure.record).toMatchObject({ errnoName: 'EACCES' });
    if (isTsubo && pointer !== '') expect(failure.record.pointer).toBe(pointer);
  });

  test('may not map files to other owners', context => {
    skipWhere(context, 'runc 1.1', 'has no id-mapped mounts');
    const source = box.source();
    const failure = box.refuses(
      box.bundle(
        also(({ config }) => {
          config.mounts.push({ destination: '/a', type: 'bind', source, options: ['bind', 'idmap'] });
        }),
      ),
    );
    if (isTsubo) expect(failure.record).toMatchObject({ code: 'config.unsupported', pointer: '/mounts/6' });
  });

  test('may not open inaccessible files of other users', () => {
    const source = box.source();
    chmodSync(join(source, 'note'), 0o600);
    const report = box.inside(
      also(({ config }) => {
        config.mounts.push({ destination: '/a', type: 'bind', source, options: ['bind'] });
      }),
      { probe: ['/a/note'] },
    );
    expect(report.probes['/a/note']?.read?.errno).toBe(13);
  });
});

describe.skipIf(!isTsubo || requires('root', 'busybox'))('a user without newuidmap', () => {
  const box = sandbox('unified', asUser('/usr/bin/env', 'PATH=/nonexistent'));
  prepareUser(box);

  test('maps only the own id', () => {
    expect(box.inside(unprivileged).uids).toEqual([0, 0, 0]);
    const failure = box.refuses(
      box.bundle(made => {
        unprivileged(made);
        made.config.linux.uidMappings = [{ containerID: 0, hostID: user + 1, size: 1 }];
      }),
    );
    expect(failure.message).toContain('unable to write the uid mappings: operation not permitted');
    expect(failure.record['hint']).toContain('newuidmap');
  });
});

describe.skipIf(requires('root', 'busybox', 'newuidmap'))('newuidmap and newgidmap', () => {
  const box = sandbox('unified', asUser());
  prepareUser(box);
  const mapping = [
    { containerID: 0, hostID: user, size: 1 },
    { containerID: 1, hostID: firstSubordinateId, size: 1000 },
  ];
  const mapped = (made: Bundle): void => {
    unprivileged(made);
    made.config.linux.uidMappings = mapping;
    made.config.linux.gidMappings = mapping;
    made.config.process.user = { uid: 5, gid: 6 };
    if (!disagrees('runc', 'sets no additional groups without root')) {
      made.config.process.user.additionalGids = [7];
    }
  };

  test('map the subordinate ids of the user', () => {
    const bundle = box.running(mapped);
    const { pid } = box.state(bundle.id);
    expect(words(readFileSync(`/proc/${pid}/uid_map`, 'utf8'))).toBe(
      `0 ${user} 1 1 ${firstSubordinateId} 1000`,
    );
    expect(words(readFileSync(`/proc/${pid}/gid_map`, 'utf8'))).toBe(
      `0 ${user} 1 1 ${firstSubordinateId} 1000`,
    );
    expect(readFileSync(`/proc/${pid}/setgroups`, 'utf8').trim()).toBe('allow');
    const uid = firstSubordinateId + 4;
    expect(statusOf(pid, 'Uid')).toBe(`${uid} ${uid} ${uid} ${uid}`);
    if (!disagrees('runc', 'sets no additional groups without root')) {
      expect(statusOf(pid, 'Groups')).toBe(`${firstSubordinateId + 6}`);
    }
    expect(box.must(['exec', '--user', '9:8', bundle.id, '/bin/id', '-u']).stdout).toBe('9\n');
  });

  test('refuse other ids, and the error contains their message', () => {
    const failure = box.refuses(
      box.bundle(made => {
        mapped(made);
        made.config.linux.uidMappings = [{ containerID: 0, hostID: user + 1, size: 10 }];
      }),
    );
    if (isTsubo) {
      expect(failure.record).toMatchObject({ code: 'host.id-mapping', pointer: '/linux/uidMappings' });
      expect(failure.message).toMatch(/newuidmap: uid range \[0-10\) -> \[12346-12356\) not allowed/);
    }
  });
});

describe.skipIf(requires('root', 'busybox', 'cgroup2'))('a user with delegated cgroups', () => {
  const own = `/sys/fs/cgroup/delegated-${process.pid}`;
  const enter = ['/bin/sh', '-c', `echo $$ >${own}/leaf/cgroup.procs && exec "$@"`, 'sh'];
  const runtimeOfUser = asUser();
  // The caller is within the delegated cgroup.
  const box = sandbox('unified', { ...runtimeOfUser, command: [...enter, ...runtimeOfUser.command] });
  prepareUser(box);
  beforeAll(() => {
    box.view.sh(
      'mkdir -p "$1/leaf"; chown "$2" "$1" "$1/leaf"; chown "$2" "$1"/cgroup.procs "$1"/cgroup.subtree_control "$1"/leaf/cgroup.procs',
      ...[own, String(user)],
    );
  });
  afterAll(() => {
    box.view.sh('rmdir "$1/leaf" "$1"', own);
  });
  /** The same user in a cgroup that is not delegated. */
  const outside = (...args: string[]) =>
    box.view.exec([...becomeUser, ...moved, '--root', box.root, ...args]);
  const cgroupOf = (pid: number): string =>
    /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1] ?? '';
  const where = ['/bin/grep', '^0:', '/proc/self/cgroup'];

  test('runs the container and executed programs in one of them', () => {
    const bundle = box.running(unprivileged);
    expect(cgroupOf(box.state(bundle.id).pid)).toContain(own.slice('/sys/fs/cgroup'.length));
    expect(box.must(['exec', bundle.id, ...where]).stdout).toBe('0::/\n');
  });

  test('pauses, resumes and ends the container from outside', async () => {
    const closed = box.mkdir('closed');
    chmodSync(closed, 0o700);
    const bundle = box.running(unprivileged);
    expect(outside('pause', bundle.id)).toMatchObject({ status: 0 });
    expect(box.state(bundle.id).status).toBe('paused');
    expect(outside('resume', bundle.id)).toMatchObject({ status: 0 });
    // A directory of PATH that the user cannot access is ignored.
    const env = { PATH: `${closed}/bin:${path}` };
    const ps = box.view.exec([...becomeUser, ...moved, '--root', box.root, 'ps', bundle.id], { env });
    expect(ps.stdout).toContain('/bin/sleep');
    expect(outside('kill', bundle.id, 'KILL')).toMatchObject({ status: 0 });
    await until('it has stopped', () => box.state(bundle.id).status === 'stopped');
    expect(outside('delete', bundle.id)).toMatchObject({ status: 0 });
  });

  test('executes from outside in the cgroup of the caller, with a warning', () => {
    const bundle = box.running(unprivileged);
    const done = outside('exec', bundle.id, ...where);
    expect(done).toMatchObject({ status: 0, stdout: expect.stringMatching(/^0::\/\.\./) });
    if (!disagrees('runc', 'does not warn')) {
      expect(done.stderr).toContain(`unable to join the cgroup ${own}`);
    }
  });

  test('cannot execute from outside if limits are set', context => {
    skipWhere(context, 'runc', 'executes the program outside the limits');
    const bundle = box.running(made => {
      unprivileged(made);
      made.config.linux.resources = { unified: { 'cgroup.max.depth': '7' } };
    });
    expect(box.must(['exec', bundle.id, ...where]).stdout).toBe('0::/\n');
    const log = box.fresh('log');
    const done = outside('--log', log, '--log-format', 'json', 'exec', bundle.id, ...where);
    expect(done.status).toBe(255);
    expect(done.stderr).toContain(`unable to join the cgroup ${own}`);
    const record = JSON.parse(readFileSync(log, 'utf8').trim().split('\n').at(-1) ?? '') as LogRecord;
    expect(record).toMatchObject({ errnoName: 'EACCES', syscall: 'clone3' });
    expect(record['hint']).toContain('systemd-run --user --scope');
  });
});

describe.skipIf(requires('root', 'busybox'))('root of a parent user namespace', () => {
  const box = sandbox('unified', asUser('unshare', '-Urm'));
  prepareUser(box);

  test('makes a container without another user namespace', () => {
    const report = box.inside(
      made => {
        unprivileged(made);
        made.namespace('user');
        delete made.config.linux.uidMappings;
        delete made.config.linux.gidMappings;
        made.config.process.oomScoreAdj = 100;
      },
      { probe: ['/proc/self/uid_map', '/dev/null'] },
    );
    expect(words(report.probes['/proc/self/uid_map']?.read?.text)).toBe(`0 ${user} 1`);
    expect(report.probes['/dev/null']).toMatchObject({ kind: 'character', major: 1, minor: 3 });
    expect(report.uids).toEqual([0, 0, 0]);
    expect(report.oomScoreAdj).toBe('100\n');
  });

  test('makes a container in another user namespace', () => {
    const report = box.inside(
      made => {
        unprivileged(made);
        const mapping = [{ containerID: 0, hostID: 0, size: 1 }];
        Object.assign(made.config.linux, { uidMappings: mapping, gidMappings: mapping });
      },
      { probe: ['/proc/self/uid_map'] },
    );
    expect(words(report.probes['/proc/self/uid_map']?.read?.text)).toBe('0 0 1');
    expect(report.hostname).toBe('jar');
  });
});
