// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { type Bundle, bind, having, tmpfs } from '../helpers/bundle.ts';
import { mountAt, parseReport } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo, skipWhere } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';
import { withFile } from '../helpers/view.ts';

/** User id on the host of the container's root. */
const first = 100_000;
/** The id that the kernel shows for a user without a mapping. */
const overflowId = 65_534;
const EACCES = 13;
const EROFS = 30;

const fresh = (bundle: Bundle): void => bundle.userNamespace(first);
const also =
  (...changes: ((bundle: Bundle) => void)[]) =>
  (bundle: Bundle): void => {
    fresh(bundle);
    for (const change of changes) change(bundle);
  };
const words = (text: string | undefined): string => (text ?? '').trim().split(/\s+/).join(' ');

describe.skipIf(requires('root', 'busybox'))('a user namespace of its own', () => {
  const box = sandbox();
  const ns = (pid: number, file: string) => readlinkSync(`/proc/${pid}/ns/${file}`);
  const statusOf = (pid: number, key: string): string =>
    words(new RegExp(`^${key}:(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

  test('is not made for mappings alone, which are ignored with a warning', () => {
    const modify = ({ config: { linux } }: Bundle): void => {
      // The runtime does not validate them: the kernel would refuse the first.
      linux.uidMappings = [{ containerID: 0, hostID: first, size: 0 }];
      linux.gidMappings = [{ containerID: 0, hostID: first, size: 65_536 }];
    };
    const report = box.inside(modify);
    expect(report.namespaces['user']).toBe(ns(box.view.pid, 'user'));
    const created = box.create(box.bundle(modify));
    if (isTsubo)
      expect(created.stderr).toContain("user namespace mappings are ignored: user namespace isn't enabled");
  });

  test('has the mappings of the config, seen from inside and outside', () => {
    const modify = also(({ config: { linux } }) => {
      linux.uidMappings = [
        { containerID: 0, hostID: first, size: 1000 },
        { containerID: 1000, hostID: 300_000, size: 5 },
      ];
    });
    const report = box.inside(modify, { probe: ['/proc/self/uid_map', '/proc/self/gid_map'] });
    const lines = report.probes['/proc/self/uid_map']?.read?.text?.trim().split('\n').map(words);
    expect(lines).toEqual(['0 100000 1000', '1000 300000 5']);
    expect(words(report.probes['/proc/self/gid_map']?.read?.text)).toBe('0 100000 65536');
    expect(report.namespaces['user']).not.toBe(ns(box.view.pid, 'user'));
    const { pid } = box.state(box.running(modify).id);
    expect(readFileSync(`/proc/${pid}/uid_map`, 'utf8').trim().split('\n').map(words)).toEqual(lines);
    expect(statusOf(pid, 'Uid')).toBe('100000 100000 100000 100000');
    expect(statusOf(pid, 'Gid')).toBe('100000 100000 100000 100000');
  });

  test('owns the other namespaces', () => {
    const { pid } = box.state(box.running(fresh).id);
    const list = () =>
      spawnSync('lsns', ['--noheadings', '--output', 'TYPE,ONS', '--task', String(pid)], {
        encoding: 'utf8',
      });
    let listed = list();
    // lsns fails if a process of the machine ends meanwhile.
    for (let again = 0; listed.status !== 0 && again < 10; again++) listed = list();
    expect(listed).toMatchObject({ status: 0 });
    const all = listed.stdout;
    const owner = /\[(\d+)\]/.exec(ns(pid, 'user'))?.[1];
    const owned = all.trim().split('\n').map(words);
    for (const type of ['mnt', 'uts', 'ipc', 'pid', 'cgroup', 'net']) {
      expect(owned).toContain(`${type} ${owner}`);
    }
  });

  test('has processes of the users and groups of the config', () => {
    const report = box.inside(
      also(({ config }) => {
        config.process.user = { uid: 1000, gid: 1001, additionalGids: [5, 6] };
      }),
    );
    expect(report.uids).toEqual([1000, 1000, 1000]);
    expect(report.gids).toEqual([1001, 1001, 1001]);
    expect(report.groups).toEqual([5, 6]);
  });

  test('drops the groups of the runtime', () => {
    expect(box.inside(fresh).groups).toEqual([]);
  });

  test('leaves the owner of the null device that the caller gives as its streams', context => {
    skipWhere(context, 'crun', 'gives the null device of the machine to the root of the container');
    const device = box.fresh('null');
    box.view.sh('mknod -m 666 "$1" c 1 3', device);
    const bundle = box.bundle(also(made => made.shell('exit 7')));
    const done = withFile(device, 'r+', fd =>
      box.view.exec(box.command('run', '--bundle', bundle.dir, bundle.id), { stdio: [fd, fd, fd] }),
    );
    expect(done.status).toBe(7);
    expect(statSync(device)).toMatchObject({ uid: 0, gid: 0 });
  });

  test('grants the requested capabilities, and no others', () => {
    const set = ['CAP_SYS_ADMIN', 'CAP_SYS_RESOURCE', 'CAP_NET_ADMIN'];
    const { status } = box.inside(
      also(({ config }) => {
        config.process.capabilities = { bounding: set, effective: set, permitted: set };
      }),
    );
    const mask = ((1n << 21n) | (1n << 24n) | (1n << 12n)).toString(16).padStart(16, '0');
    expect(status).toMatchObject({ CapPrm: mask, CapEff: mask, CapBnd: mask });
    const none = '0000000000000000';
    expect(status).toMatchObject({ CapInh: none, CapAmb: none });
  });

  test('denies its users access to its first process before the start', () => {
    const { pid } = box.state(box.created(fresh).id);
    expect(statSync(`/proc/${pid}/fd`).uid).toBe(0);
    const report = box.inside(fresh);
    expect(report.parentDeathSignal).toBe(0);
    expect(report.fdNumbers).toEqual([0, 1, 2]);
  });

  describe('files', () => {
    test('have mapped owners, in the root and in binds', () => {
      const dir = box.source();
      chownSync(join(dir, 'note'), first + 7, first + 8);
      mkdirSync(join(dir, 'open'));
      chmodSync(join(dir, 'open'), 0o777);
      const bundle = box.bundle(
        also(having(bind(dir, '/a')), made => made.shell('stat -c %u:%g / /a /a/note; echo >/a/open/new')),
      );
      expect(box.run(bundle).stdout.trim().split('\n')).toEqual([
        '0:0',
        `${overflowId}:${overflowId}`,
        '7:8',
      ]);
      expect(statSync(join(dir, 'open/new'))).toMatchObject({ uid: first, gid: first });
      expect(statSync(bundle.inRoot('/proc')).uid).toBe(first);
    });

    test('of users without a mapping are not accessible', () => {
      const dir = box.source();
      chmodSync(join(dir, 'note'), 0o600);
      const set = ['CAP_DAC_OVERRIDE', 'CAP_CHOWN', 'CAP_FOWNER'];
      const report = box.inside(
        also(having(bind(dir, '/a')), ({ config }) => {
          config.process.capabilities = { bounding: set, effective: set, permitted: set };
        }),
        { probe: ['/a/note'] },
      );
      expect(report.probes['/a/note']).toMatchObject({ read: { errno: EACCES }, write: EACCES });
    });
  });

  describe('mounts', () => {
    test('are all made', () => {
      const report = box.inside(fresh, {
        probe: ['/proc/1/comm', '/dev/mqueue', '/dev/shm', '/sys/fs/cgroup'],
      });
      for (const [target, type] of [
        ['/proc', 'proc'],
        ['/dev', 'tmpfs'],
        ['/dev/pts', 'devpts'],
        ['/dev/mqueue', 'mqueue'],
        ['/sys', 'sysfs'],
        ['/sys/fs/cgroup', 'cgroup2'],
      ] as const) {
        expect(mountAt(report, target).type).toBe(type);
      }
      expect(report.probes['/proc/1/comm']?.read?.text).toBe('inside\n');
      expect(report.probes['/dev/shm']).toMatchObject({ uid: 0, write: 0 });
      expect(report.cgroup).toMatch(/^0::\/$/m);
    });

    test('mask and protect the files of /proc', () => {
      const report = box.inside(fresh, { probe: ['/proc/keys'] });
      expect(report.probes['/proc/keys']?.read?.text).toBe('');
      expect(mountAt(report, '/proc/sys').options).toContain('ro');
    });

    test('show a source that only the host may access', context => {
      skipWhere(context, 'runc 1.1', 'opens sources as the root of the namespace');
      const outer = box.mkdir('private');
      const dir = join(outer, 'source');
      mkdirSync(dir);
      writeFileSync(join(dir, 'note'), 'from the host');
      chmodSync(outer, 0o700);
      chownSync(outer, 4711, 4711);
      const report = box.inside(also(having(bind(dir, '/a'))), { probe: ['/a/note'] });
      expect(report.probes['/a/note']?.read?.text).toBe('from the host');
    });

    test('show the content of an earlier mount of the config in the root', context => {
      skipWhere(context, 'runc 1.1', 'opens the source before the mounts are made');
      const report = box.inside(
        also(made => {
          made.directory('/one');
          chownSync(made.inRoot('/one'), first, first);
          made.directory('/two');
          made.config.mounts.push(tmpfs('/one', 'mode=711'), bind(made.inRoot('/one'), '/two'));
        }),
        { probe: ['/two'] },
      );
      expect(report.probes['/two']).toMatchObject({ mode: 0o711, uid: 0 });
      expect(mountAt(report, '/two').type).toBe('tmpfs');
    });

    const mounted: string[] = [];
    const locked = (access: string, others = 'nosuid,nodev,noexec'): string => {
      const dir = box.mkdir('locked');
      box.view.sh(`mount -t tmpfs -o ${access},${others},mode=755 locked ${dir}`);
      mounted.push(dir);
      return dir;
    };
    afterEach(() => {
      for (const dir of mounted.splice(0)) box.view.sh(`umount ${dir}`);
    });

    test('keep the locked options of the host', () => {
      const dir = locked('ro');
      const all = ['CAP_SYS_ADMIN'];
      const script =
        'mount -o remount,bind,rw,suid,dev,exec /a; mount -o remount,bind,ro,nosuid,nodev,noexec /a';
      const attempts = box.bundle(
        also(having(bind(dir, '/a')), made => {
          made.config.process.capabilities = { bounding: all, effective: all, permitted: all };
          made.shell(`${script} && echo kept; grep ' /a ' /proc/self/mountinfo`);
        }),
      );
      const done = box.run(attempts);
      expect(done.stderr).toMatch(/ermission denied|not permitted/);
      expect(done.stdout).toMatch(/^kept\n.* \/a ro,nosuid,nodev,noexec/);
    });

    test('with other options keep the locked ones', context => {
      skipWhere(context, 'runc 1.1', 'fails on locked options');
      const dir = locked('rw');
      const report = box.inside(also(having(bind(dir, '/a', 'ro'))));
      expect(mountAt(report, '/a').options).toEqual(
        expect.arrayContaining(['ro', 'nosuid', 'nodev', 'noexec']),
      );
    });

    test.each([
      ['diratime', 'nodiratime'],
      ['norelatime', 'noatime'],
    ])('%s leaves a locked %s', (denied, kept) => {
      const dir = locked('rw', kept);
      const report = box.inside(also(having(bind(dir, '/a', denied))));
      expect(mountAt(report, '/a').options).toContain(kept);
    });

    test.each([
      ['noatime', 'relatime'],
      ['relatime', 'noatime'],
      ['relatime', 'nodiratime'],
      ['nodiratime', 'strictatime'],
    ])('with a locked %s refuse %s', (has, wanted) => {
      const dir = locked(`rw,${has}`);
      const failure = box.refuses(box.bundle(also(having(bind(dir, '/a', wanted)))));
      if (isTsubo) expect(failure.record).toMatchObject({ pointer: '/mounts/7', errnoName: 'EPERM' });
    });

    test('make the root readonly', () => {
      const report = box.inside(
        also(({ config }) => {
          config.root.readonly = true;
        }),
        { probe: ['/etc'] },
      );
      expect(report.probes['/etc']?.write).toBe(EROFS);
    });

    test('show nothing of the root of the host', () => {
      const seen = box.shell('ls /; ls /proc/1/root/', fresh);
      expect(seen).not.toContain('boot');
    });
  });

  test('may have a root that only the host may access', context => {
    skipWhere(context, 'runc 1.1', 'opens the root as the root of the namespace');
    skipWhere(context, 'crun', 'opens the root as the root of the namespace');
    const report = box.inside(
      also(made => {
        chmodSync(made.dir, 0o700);
        chownSync(made.dir, 4711, 4711);
      }),
    );
    expect(report.exe).toBe('/bin/inside');
  });

  describe('devices', () => {
    test('are those of the host', () => {
      const report = box.inside(fresh, {
        probe: ['/dev/null', '/dev/zero', '/dev/full', '/dev/urandom', '/dev/tty'],
      });
      for (const [path, minor] of [
        ['/dev/null', 3],
        ['/dev/zero', 5],
        ['/dev/full', 7],
        ['/dev/urandom', 9],
      ] as const) {
        expect(report.probes[path]).toMatchObject({ kind: 'character', major: 1, minor });
      }
      expect(report.probes['/dev/tty']).toMatchObject({ major: 5, minor: 0 });
    });

    test('can be used', () => {
      const script = 'echo gone >/dev/null && head -c 5 /dev/zero | wc -c && head -c 7 /dev/urandom | wc -c';
      expect(box.shell(script, fresh).trim().split(/\s+/)).toEqual(['5', '7']);
    });

    test('of the config are bound too, and FIFOs are made', () => {
      const onlyNodes = disagrees('runc 1.1', 'binds a FIFO of the host');
      const report = box.inside(
        also(({ config }) => {
          config.linux.devices = [{ path: '/dev/kmsg', type: 'c', major: 1, minor: 11 }];
          if (!onlyNodes) {
            config.linux.devices.push({ path: '/dev/queue', type: 'p', fileMode: 0o622, uid: 5, gid: 6 });
          }
        }),
        { probe: ['/dev/kmsg', '/dev/queue'] },
      );
      expect(report.probes['/dev/kmsg']).toMatchObject({ kind: 'character', major: 1, minor: 11 });
      if (onlyNodes) return;
      expect(report.probes['/dev/queue']).toMatchObject({ kind: 'fifo', mode: 0o622, uid: 5, gid: 6 });
    });

    test('are bound over files of the image', context => {
      skipWhere(context, 'runc 1.1', 'opens the file for writing');
      const report = box.inside(
        also(made => {
          made.unmount('/dev');
          made.file('/dev/null', 'a placeholder');
        }),
        { probe: ['/dev/null'] },
      );
      expect(report.probes['/dev/null']).toMatchObject({ kind: 'character', major: 1, minor: 3 });
    });
  });

  test('has the names, sysctls, limits and score of the config', () => {
    const report = box.inside(
      also(({ config }) => {
        config.hostname = 'mapped';
        config.linux.sysctl = { 'net.ipv4.ip_forward': '1', 'kernel.msgmax': '4242' };
        config.process.rlimits = [
          { type: 'RLIMIT_NOFILE', soft: 100, hard: 200 },
          { type: 'RLIMIT_CORE', soft: 0, hard: 1 },
        ];
        config.process.oomScoreAdj = 321;
      }),
      { probe: ['/proc/sys/net/ipv4/ip_forward', '/proc/sys/kernel/msgmax'] },
    );
    expect(report.hostname).toBe('mapped');
    expect(report.probes['/proc/sys/net/ipv4/ip_forward']?.read?.text).toBe('1\n');
    expect(report.probes['/proc/sys/kernel/msgmax']?.read?.text).toBe('4242\n');
    expect(report.rlimits[7]).toEqual(['100', '200']);
    expect(report.rlimits[4]).toEqual(['0', '1']);
    expect(report.oomScoreAdj).toBe('321\n');
  });

  test('can have a time of its own', context => {
    skipWhere(context, 'runc 1.1', 'has no time namespaces');
    skipWhere(context, 'crun', 'writes the offsets of another namespace');
    const bundle = box.running(
      also(({ config }) => {
        config.linux.namespaces.push({ type: 'time' });
        config.linux.timeOffsets = { boottime: { secs: 7_000_000, nanosecs: 0 } };
      }),
    );
    const uptime = box.must(['exec', bundle.id, '/bin/cat', '/proc/uptime']).stdout;
    expect(Number.parseFloat(uptime)).toBeGreaterThan(7_000_000);
    expect(ns(box.state(bundle.id).pid, 'time')).not.toBe(ns(box.view.pid, 'time'));
  });

  test('has hooks in both namespaces', () => {
    const dir = box.mkdir('hooks');
    chmodSync(dir, 0o777);
    const note = (name: string) => [
      {
        path: '/bin/sh',
        args: ['sh', '-c', `id -u >${dir}/${name}; cat /proc/self/uid_map >>${dir}/${name}`],
      },
    ];
    box.inside(
      also(({ config }) => {
        config.hooks = { createRuntime: note('runtime'), createContainer: note('container') };
      }),
    );
    expect(words(readFileSync(join(dir, 'runtime'), 'utf8'))).toBe('0 0 0 4294967295');
    expect(words(readFileSync(join(dir, 'container'), 'utf8'))).toBe('0 0 100000 65536');
    expect(statSync(join(dir, 'container')).uid).toBe(first);
  });

  test('passes no descriptor of the init to a createContainer hook', () => {
    const dir = box.mkdir('hooks');
    chmodSync(dir, 0o777);
    box.inside(
      also(({ config }) => {
        config.hooks = {
          createContainer: [{ path: '/bin/sh', args: ['sh', '-c', `ls -l /proc/self/fd >${dir}/fds`] }],
        };
      }),
    );
    const open = readFileSync(join(dir, 'fds'), 'utf8').match(/(?<=-> ).*/g) ?? [];
    // Standard input is the state; the last one is the directory that ls reads.
    const own = new RegExp(`^(/memfd:|pipe:|${dir}/fds$|/proc/\\d+/fd$)`);
    expect(open.filter(target => !own.test(target))).toEqual([]);
    expect(open).toHaveLength(4);
  });

  describe('that is joined by path', () => {
    const joining = (other: Bundle, ...files: readonly (readonly [string, string])[]) => {
      const { pid } = box.state(other.id);
      return (bundle: Bundle) => {
        bundle.chown(first);
        if (disagrees('runc 1.1', 'requires the mappings of a joined user namespace too')) {
          const { uidMappings = [], gidMappings = [] } = other.config.linux;
          Object.assign(bundle.config.linux, { uidMappings, gidMappings });
        }
        for (const [type, file] of [['user', 'user'] as const, ...files]) {
          bundle.namespace(type, `/proc/${pid}/ns/${file}`);
        }
      };
    };

    test('is the same namespace', () => {
      const other = box.running(fresh);
      const report = box.inside(joining(other), { probe: ['/proc/self/uid_map'] });
      expect(report.namespaces['user']).toBe(ns(box.state(other.id).pid, 'user'));
      expect(report.namespaces['mnt']).not.toBe(ns(box.state(other.id).pid, 'mnt'));
      expect(words(report.probes['/proc/self/uid_map']?.read?.text)).toBe('0 100000 65536');
      expect(report.uids).toEqual([0, 0, 0]);
      expect(report.probes['/proc/self/uid_map']?.uid).toBe(0);
    });

    test('can be joined with other namespaces that it owns', () => {
      const other = box.running(fresh);
      const report = box.inside(made => {
        joining(other, ['network', 'net'], ['ipc', 'ipc'], ['uts', 'uts'], ['pid', 'pid'])(made);
        made.config.hostname = 'both';
      });
      const { pid } = box.state(other.id);
      for (const file of ['user', 'net', 'ipc', 'uts', 'pid']) {
        expect(report.namespaces[file]).toBe(ns(pid, file));
      }
      expect(box.must(['exec', other.id, '/bin/cat', '/proc/sys/kernel/hostname']).stdout).toBe('both\n');
    });

    test('accepts its own mappings', () => {
      const other = box.running(fresh);
      const report = box.inside(made => {
        joining(other)(made);
        const { uidMappings = [], gidMappings = [] } = other.config.linux;
        Object.assign(made.config.linux, { uidMappings, gidMappings });
      });
      expect(report.namespaces['user']).toBe(ns(box.state(other.id).pid, 'user'));
    });

    test('refuses other mappings', context => {
      skipWhere(context, 'runc 1.1', 'ignores the mappings');
      skipWhere(context, 'crun', 'ignores the mappings');
      const other = box.running(fresh);
      const failure = box.refuses(
        box.bundle(made => {
          joining(other)(made);
          made.config.linux.uidMappings = [{ containerID: 0, hostID: first, size: 7 }];
        }),
      );
      expect(failure.message).toContain('both namespace path and non-matching mapping specified');
      if (isTsubo) expect(failure.record.pointer).toBe('/linux/uidMappings');
    });
  });

  test('keeps the cgroups of the host readonly below a readonly /sys of the host', context => {
    skipWhere(context, 'runc', 'keeps the mounts below a readonly mount writable');
    // Owned by the root of the container, like a delegated cgroup of rootless containers.
    const cgroup = `/sys/fs/cgroup/${box.name}-given`;
    box.view.sh('mkdir "$1" && chown -R 100000:100000 "$1"', cgroup);
    try {
      const report = box.inside(
        also(made => {
          made.unmount('/sys');
          const options = ['rbind', 'ro', 'nosuid', 'noexec', 'nodev', 'rprivate'];
          made.config.mounts.push({ destination: '/sys', type: 'bind', source: '/sys', options });
        }),
        { probe: [cgroup, `${cgroup}/cgroup.procs`] },
      );
      expect(mountAt(report, '/sys/fs/cgroup').options).toContain('ro');
      expect(report.probes[cgroup]?.write).toBe(EROFS);
      expect(report.probes[`${cgroup}/cgroup.procs`]?.write).toBe(EROFS);
    } finally {
      box.view.sh('rmdir "$1"', cgroup);
    }
  });

  test('can be combined with a network namespace of the host', () => {
    const other = box.running();
    const path = `/proc/${box.state(other.id).pid}/ns/net`;
    const report = box.inside(
      also(made => {
        made.namespace('network', path);
        made.unmount('/sys');
      }),
    );
    expect(report.namespaces['net']).toBe(ns(box.state(other.id).pid, 'net'));
  });

  test('works without pivot_root', () => {
    const report = box.inside(
      also(({ config }) => {
        config.hostname = 'moved';
        config.root.readonly = true;
      }),
      { flags: ['--no-pivot'], probe: ['/etc', '/proc/1/root/etc/hostname', '/proc/self/uid_map'] },
    );
    expect(report.hostname).toBe('moved');
    expect(report.probes['/etc']?.write).toBe(EROFS);
    expect(words(report.probes['/proc/self/uid_map']?.read?.text)).toBe('0 100000 65536');
    expect(report.mounts[0]?.target).toBe('/');
    // The remaining part of the host's tree below exposes no kernel files.
    const bundle = box.bundle(
      also(made => {
        const all = ['CAP_SYS_ADMIN'];
        made.config.process.capabilities = { bounding: all, effective: all, permitted: all };
        made.shell('umount -l /proc; cat /proc/self/uid_map || echo nothing');
      }),
    );
    expect(box.run(bundle, {}, '--no-pivot').stdout).toBe('nothing\n');
  });

  test('can be joined with the mount namespace that it owns', async context => {
    skipWhere(context, 'runc 1.1', 'requires the mappings of a joined user namespace too');
    const holder = box.view.spawn(['unshare', '--user', '--mount', 'sh', '-c', 'echo ready && exec cat']);
    await once(holder.stdout as Readable, 'data');
    const pid = Number(readFileSync(`/proc/${holder.pid}/stat`, 'utf8').split(' ')[0]);
    for (const kind of ['uid', 'gid']) writeFileSync(`/proc/${pid}/${kind}_map`, `0 ${first} 65536`);
    const [userNs, mountNs] = [ns(pid, 'user'), ns(pid, 'mnt')];
    const report = box.inside(made => {
      made.chown(first);
      made.namespace('user', `/proc/${pid}/ns/user`);
      made.namespace('mount', `/proc/${pid}/ns/mnt`);
      made.config.hostname = 'inside';
    });
    expect([report.namespaces['user'], report.namespaces['mnt']]).toEqual([userNs, mountNs]);
    expect(report.hostname).toBe('inside');
    expect(report.exe).toBe('/bin/inside');
    holder.stdin?.end();
    await once(holder, 'close');
  });

  test('cannot be joined with a mount namespace of others', () => {
    const shared = box.refuses(
      box.bundle(
        also(made => {
          made.namespace('mount');
          made.config.mounts = [];
          delete made.config.linux.maskedPaths;
          delete made.config.linux.readonlyPaths;
        }),
      ),
    );
    if (isTsubo) expect(shared.record).toMatchObject({ code: 'config.unsupported' });
    const joined = box.refuses(
      box.bundle(also(made => made.namespace('mount', `/proc/${box.view.pid}/ns/mnt`))),
    );
    if (isTsubo) expect(joined.record).toMatchObject({ code: 'config.unsupported' });
  });

  test.for<[string, (bundle: Bundle) => void, string]>([
    [
      'be scheduled in real time',
      ({ config }) => {
        config.process.scheduler = { policy: 'SCHED_FIFO', priority: 5 };
      },
      '/process/scheduler',
    ],
    [
      'have real-time priority for input and output',
      ({ config }) => {
        config.process.ioPriority = { class: 'IOPRIO_CLASS_RT', priority: 0 };
      },
      '/process/ioPriority',
    ],
  ])('cannot %s', ([, modify, pointer], context) => {
    skipWhere(context, 'runc 1.1', 'ignores the schedulers of version 1.2');
    const failure = box.refuses(box.bundle(also(modify)));
    if (isTsubo) expect(failure.record).toMatchObject({ errnoName: 'EPERM', pointer });
  });

  describe('allows exec', () => {
    const inside = (bundle: Bundle, ...flags: string[]) =>
      parseReport(box.must(['exec', ...flags, bundle.id, '/bin/inside', '--probe', '/tmp']).stdout);

    test.each(['created', 'running'] as const)('in a %s container, as its root', which => {
      const bundle = box[which](fresh);
      const report = inside(bundle);
      const { pid } = box.state(bundle.id);
      for (const [kind, seen] of Object.entries(report.namespaces)) {
        if (seen !== null) expect([kind, seen]).toEqual([kind, ns(pid, kind)]);
      }
      expect(report.uids).toEqual([0, 0, 0]);
      expect(report.gids).toEqual([0, 0, 0]);
      expect(report.groups).toEqual([]);
      expect(report.fdNumbers).toEqual([0, 1, 2]);
      const caps = box.inside(fresh).status;
      for (const key of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
        expect([key, report.status[key]]).toEqual([key, caps[key]]);
      }
    });

    test('as another user, with groups, limits and capabilities', () => {
      const bundle = box.running(
        also(({ config }) => {
          config.process.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 50, hard: 60 }];
        }),
      );
      const report = inside(
        bundle,
        '--user',
        '1000:1001',
        '--additional-gids',
        '77',
        '--cap',
        'CAP_SYS_RESOURCE',
      );
      expect(report.uids).toEqual([1000, 1000, 1000]);
      expect(report.gids).toEqual([1001, 1001, 1001]);
      expect(report.groups).toEqual([77]);
      expect(BigInt(`0x${report.status['CapBnd']}`) >> 24n).toBe(1n | (1n << 5n));
      expect(report.rlimits[7]).toEqual(['50', '60']);
    });

    test('only as a user with a mapping', () => {
      const bundle = box.running(fresh);
      const failure = box.fails(['exec', '--user', '70000', bundle.id, '/bin/true']);
      expect(failure.status).toBe(255);
      if (isTsubo) {
        expect(failure.message).toContain('cannot setuid to unmapped uid 70000 in user namespace');
      }
    });
  });
});
