// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { readFileSync, readlinkSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Bundle, bind } from '../helpers/bundle.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo, skipWhere } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

/** Type in the config, and file in /proc/PID/ns. */
const kinds = [
  ['pid', 'pid'],
  ['network', 'net'],
  ['mount', 'mnt'],
  ['ipc', 'ipc'],
  ['uts', 'uts'],
  ['cgroup', 'cgroup'],
] as const;

describe.skipIf(requires('root', 'busybox'))('the namespaces of a container', () => {
  const box = sandbox();
  const outside = (file: string) => readlinkSync(`/proc/${box.view.pid}/ns/${file}`);
  const namespaceOf = (bundle: Bundle, file: string) =>
    readlinkSync(`/proc/${box.state(bundle.id).pid}/ns/${file}`);

  /** Removes a namespace from the default config, and the properties that require it. */
  const without = (type: string) => (bundle: Bundle) => {
    bundle.namespace(type);
    if (type === 'uts') delete bundle.config.hostname;
    if (type === 'pid') bundle.config.linux.maskedPaths = [];
  };

  test.each(kinds)('include a new %s namespace when it is listed', (_, file) => {
    const report = box.inside();
    expect(report.namespaces[file]).toMatch(/^\w+:\[\d+\]$/);
    expect(report.namespaces[file]).not.toBe(outside(file));
  });

  test.each(kinds.filter(([type]) => type !== 'mount'))(
    'include the %s namespace of the runtime when it is not listed',
    (type, file) => {
      const report = box.inside(without(type));
      expect(report.namespaces[file]).toBe(outside(file));
    },
  );

  test('include the user and time namespaces of the runtime by default', () => {
    const report = box.inside();
    expect(report.namespaces['user']).toBe(outside('user'));
    expect(report.namespaces['time']).toBe(outside('time'));
  });

  test.each(kinds.filter(([type]) => type !== 'mount'))(
    'include the %s namespace of another container when its path is given',
    (type, file) => {
      const other = box.running();
      const path = `/proc/${box.state(other.id).pid}/ns/${file}`;
      const report = box.inside(bundle => {
        bundle.namespace(type, path);
        if (type === 'uts') delete bundle.config.hostname;
      });
      expect(report.namespaces[file]).toBe(namespaceOf(other, file));
      if (type === 'pid') expect(report.pid).not.toBe(1);
      if (type === 'uts') expect(report.hostname).toBe('jar');
    },
  );

  test('can be joined together, without a mount namespace', () => {
    const other = box.running();
    const { pid } = box.state(other.id);
    const report = box.inside(bundle => {
      for (const [type, file] of kinds)
        if (type !== 'mount') bundle.namespace(type, `/proc/${pid}/ns/${file}`);
      delete bundle.config.hostname;
    });
    for (const [type, file] of kinds) {
      if (type !== 'mount') expect(report.namespaces[file]).toBe(namespaceOf(other, file));
    }
  });

  test('include a mount namespace that another process made', async () => {
    const maker = box.view.spawn(['unshare', '-m', 'sh', '-c', 'echo ready; exec cat']);
    try {
      if (maker.stdout !== null) await once(maker.stdout, 'data');
      const namespace = readlinkSync(`/proc/${maker.pid}/ns/mnt`);
      const report = box.inside(bundle => {
        bundle.namespace('mount', `/proc/${maker.pid}/ns/mnt`);
      });
      expect(report.namespaces['mnt']).toBe(namespace);
      expect(report.exe).toBe('/bin/inside');
    } finally {
      maker.kill('SIGKILL');
    }
  });

  test('that are joined remain after their first container was deleted', () => {
    const other = box.running();
    const path = `/proc/${box.state(other.id).pid}/ns/net`;
    const second = box.running(bundle => bundle.namespace('network', path));
    const before = namespaceOf(second, 'net');
    box.must(['delete', '--force', other.id]);
    expect(namespaceOf(second, 'net')).toBe(before);
  });

  test('show the processes of a joined pid namespace', () => {
    const other = box.running(bundle => {
      bundle.config.process.args = ['/bin/sleep', '4711'];
    });
    const printed = box.shell('cat /proc/1/cmdline', bundle => {
      bundle.namespace('pid', `/proc/${box.state(other.id).pid}/ns/pid`);
    });
    expect(printed).toContain('4711');
  });

  test('include the network namespace of the runtime if its path is given', () => {
    const report = box.inside(bundle => bundle.namespace('network', `/proc/${box.view.pid}/ns/net`));
    expect(report.namespaces['net']).toBe(outside('net'));
  });

  test('of type network contain lo, and it is up', () => {
    // IFF_UP and IFF_LOOPBACK
    expect(box.shell('cat /sys/class/net/lo/flags')).toBe('0x9\n');
  });

  test('of type cgroup have the cgroup of the container as their root', () => {
    expect(box.inside().cgroup).toMatch(/^0::\/$/m);
  });

  describe('of type pid that is joined', () => {
    /** Joins the pid namespace of `other`, with enough mounts that the preparation takes a while. */
    const joining = (other: Bundle, source: string) => (made: Bundle) => {
      made.namespace('pid', `/proc/${box.state(other.id).pid}/ns/pid`);
      for (let i = 0; i < 150; i++) made.config.mounts.push(bind(source, `/many/${i}`));
    };

    test('never exposes the root of the host to its processes', context => {
      skipWhere(context, 'runc', 'exposes the root of the host while it prepares a container');
      const mark = box.fresh('of-the-host');
      writeFileSync(mark, '');
      const watcher = box.bundle(made => {
        // These capabilities allow a process to follow /proc/PID/root of a process that is not dumpable.
        const list = ['CAP_SYS_PTRACE', 'CAP_DAC_OVERRIDE'];
        made.config.process.capabilities = { bounding: list, permitted: list, effective: list };
        made.config.linux.maskedPaths = [];
        made.shell(
          `echo watching; while :; do for p in /proc/[0-9]*; do [ -e "$p/root${mark}" ] && echo "seen at $p"; done; done`,
        );
      });
      const { output } = box.create(watcher);
      box.must(['start', watcher.id]);
      const source = box.source();
      for (let i = 0; i < 4; i++) {
        const guest = box.bundle(made => {
          joining(watcher, source)(made);
          made.config.process.args = ['/bin/true'];
        });
        box.must(['run', '--bundle', guest.dir, guest.id]);
        box.must(['exec', watcher.id, '/bin/true']);
      }
      expect(readFileSync(output, 'utf8')).toBe('watching\n');
    });

    test('is that of its /proc, with the options of the config, and the recorded pid is that of its init', () => {
      const other = box.running();
      const bundle = box.running(made => {
        joining(other, box.source())(made);
        made.mount('/proc').options = ['hidepid=1', 'nosuid'];
        made.config.process.oomScoreAdj = 123;
        made.config.process.args = ['/bin/sleep', '1000'];
      });
      const { pid } = box.state(bundle.id);
      const inside = box.must([
        ...['exec', bundle.id, '/bin/sh', '-c'],
        'for p in /proc/[0-9]*; do [ -e "$p/comm" ] && echo "$(cat "$p/comm")"; done; grep " /proc proc " /proc/mounts; cat /proc/self/oom_score_adj',
      ]).stdout;
      expect(inside.split('\n').filter(line => line === 'sleep')).toHaveLength(2);
      expect(inside).toMatch(/^proc \/proc proc \S*nosuid\S*hidepid=(1|noaccess)/m);
      expect(box.view.sh('tr "\\0" " " </proc/$1/cmdline; cat /proc/$1/oom_score_adj', String(pid))).toBe(
        '/bin/sleep 1000 123\n',
      );
      // It leads its session.
      expect(box.view.sh('cut -d" " -f6 /proc/$1/stat', String(pid)).trim()).toBe(String(pid));
      box.must(['kill', bundle.id, 'KILL']);
      expect(box.state(other.id).status).toBe('running');
    });

    test('reports the option that its /proc refuses', () => {
      const other = box.running();
      const bundle = box.bundle(made => {
        joining(other, box.source())(made);
        made.mount('/proc').options = ['hidepid=1', 'moon'];
      });
      const failure = box.refuses(bundle);
      expect(failure.message).toContain('error mounting "proc" to rootfs at "/proc"');
      if (!isTsubo) return;
      expect(failure.message).toContain('moon: proc: Unknown parameter');
      expect(failure.record.pointer).toBe('/mounts/0/options/1');
    });
  });

  describe('without a mount namespace', () => {
    const leaves = 'leaves the mounts of a container without a mount namespace on the host';
    const shared = (bundle: Bundle) => {
      bundle.namespace('mount');
      bundle.config.linux.maskedPaths = [];
      bundle.config.linux.readonlyPaths = [];
    };
    const rootOf = (bundle: Bundle) => realpathSync(join(bundle.dir, bundle.config.root.path));
    /** Mount points in the mount namespace of the runtime, at or below the root of the container. */
    const mountsOf = (bundle: Bundle) =>
      readFileSync(`/proc/${box.view.pid}/mountinfo`, 'utf8')
        .split('\n')
        .map(line => line.split(' ')[4] ?? '')
        .filter(path => path.startsWith(rootOf(bundle)));

    test('the program has its own root, and delete removes the mounts', context => {
      skipWhere(context, 'runc', leaves);
      const bundle = box.running(shared);
      const { pid } = box.state(bundle.id);
      expect(namespaceOf(bundle, 'mnt')).toBe(outside('mnt'));
      expect(box.view.sh(`readlink /proc/${pid}/root`).trim()).toBe(rootOf(bundle));
      expect(mountsOf(bundle)).toContain(`${rootOf(bundle)}/proc`);
      box.must(['delete', '--force', bundle.id]);
      expect(mountsOf(bundle)).toEqual([]);
    });

    test('the program sees only the root file system', context => {
      skipWhere(context, 'runc', leaves);
      const report = box.inside(shared);
      expect(report.exe).toBe('/bin/inside');
      expect(report.namespaces['mnt']).toBe(outside('mnt'));
    });

    test('an executed program has the same root', context => {
      skipWhere(context, 'runc', leaves);
      const bundle = box.running(shared);
      const own = box.must(['exec', bundle.id, '/bin/sh', '-c', 'readlink /proc/self/root; ls -di /']).stdout;
      const other = box.view.sh(`ls -di /proc/${box.state(bundle.id).pid}/root/`);
      expect(own.split('\n')[1]?.trim().split(' ')[0]).toBe(other.trim().split(' ')[0]);
    });

    test.skipIf(requires('strace') || !isTsubo)(
      'no process of the pid namespace sees an executed program before it has that root',
      () => {
        const bundle = box.running(shared);
        const trace = box.fresh('trace');
        const strace = ['strace', '-f', '-qq', '-e', 'trace=setns,chroot,clone3', '-o', trace];
        const done = box.view.exec([...strace, ...box.command('exec', bundle.id, '/bin/true')]);
        expect(done.status).toBe(0);
        const calls = [...readFileSync(trace, 'utf8').matchAll(/^(\d+) +(setns|chroot|clone3)\(/gm)];
        const helper = calls.find(([, , call]) => call === 'setns')?.[1];
        const ofHelper = calls.filter(([, pid]) => pid === helper).map(([, , call]) => call);
        expect(ofHelper).toEqual(['setns', 'chroot', 'clone3']);
      },
    );

    test('a readonly root is readonly only inside', context => {
      skipWhere(context, 'runc', leaves);
      const umask = '026';
      const bundle = box.running(made => {
        shared(made);
        made.config.root.readonly = true;
        made.config.process.user = { uid: 0, gid: 0, umask: 0o26 };
        made.shell('umask; touch /mine; touch /dev/shm/mine; stat -c %a /dev/shm/mine; exec sleep 1000');
      });
      const { pid } = box.state(bundle.id);
      const inRoot = `/proc/${pid}/root`;
      const mode = box.view.sh(
        'until [ -e "$1/dev/shm/mine" ]; do sleep 0.05; done; stat -c %a "$1/dev/shm/mine"',
        inRoot,
      );
      expect(mode.trim()).toBe((0o666 & ~Number.parseInt(umask, 8)).toString(8));
      const touched = box.oci(['exec', bundle.id, '/bin/touch', '/mine']);
      expect(touched.stderr).toContain('Read-only file system');
      box.must(['delete', '--force', bundle.id]);
      expect(mountsOf(bundle)).toEqual([]);
      box.view.sh('touch "$1/outside" && ! [ -e "$1/mine" ]', rootOf(bundle));
    });

    test('an earlier mount on the root remains', context => {
      skipWhere(context, 'runc', leaves);
      const bundle = box.bundle(made => {
        shared(made);
        made.config.process.args = ['/bin/sleep', '1000'];
      });
      const root = rootOf(bundle);
      box.view.sh(`mount --bind ${root} ${root}`);
      try {
        box.create(bundle);
        expect(mountsOf(bundle).filter(path => path === root)).toHaveLength(2);
        box.must(['delete', '--force', bundle.id]);
        expect(mountsOf(bundle)).toEqual([root]);
      } finally {
        box.view.sh(`umount -l ${root}`);
      }
    });

    test('a failed create removes its mounts', context => {
      skipWhere(context, 'runc', leaves);
      const bundle = box.bundle(made => {
        shared(made);
        made.config.process.args = ['/not/there'];
      });
      box.refuses(bundle);
      expect(mountsOf(bundle)).toEqual([]);
    });

    test('masked paths are refused', () => {
      const failure = box.refuses(box.bundle(bundle => bundle.namespace('mount')));
      expect(failure.message).toContain('unable to restrict sys entries without a private MNT namespace');
      if (isTsubo) expect(failure.record.pointer).toBe('/linux/maskedPaths');
    });
  });

  describe('host and domain names', () => {
    test('are those of the config', () => {
      const report = box.inside(bundle => {
        bundle.config.hostname = 'my-jar.example';
        if (!disagrees('runc 1.1', 'ignores domainname')) bundle.config.domainname = 'example';
      });
      expect(report.hostname).toBe('my-jar.example');
      expect(report.domainname).toBe(
        disagrees('runc 1.1', 'ignores domainname') ? outsideDomain() : 'example',
      );
    });

    const outsideDomain = () => box.view.sh('cat /proc/sys/kernel/domainname').trim();

    test('of the runtime are kept if the config has none', () => {
      const report = box.inside(bundle => {
        delete bundle.config.hostname;
      });
      expect(report.hostname).toBe(box.view.sh('cat /proc/sys/kernel/hostname').trim());
    });

    test('are set in a joined uts namespace too', () => {
      const other = box.running();
      const path = `/proc/${box.state(other.id).pid}/ns/uts`;
      const report = box.inside(bundle => {
        bundle.namespace('uts', path);
        bundle.config.hostname = 'renamed';
      });
      expect(report.hostname).toBe('renamed');
    });

    test('are refused without a uts namespace', () => {
      const failure = box.refuses(box.bundle(bundle => bundle.namespace('uts')));
      expect(failure.message).toContain('unable to set hostname without a private UTS namespace');
      if (isTsubo) expect(failure.record.pointer).toBe('/hostname');
    });

    test('are refused for a domain name without a uts namespace', context => {
      const bundle = box.bundle(made => {
        without('uts')(made);
        made.config.domainname = 'example';
      });
      skipWhere(context, 'runc 1.1', 'ignores domainname');
      const failure = box.refuses(bundle);
      expect(failure.message).toContain('unable to set domainname without a private UTS namespace');
      if (isTsubo) expect(failure.record.pointer).toBe('/domainname');
    });
  });

  describe('are refused', () => {
    /** The only message of runc when its helper fails. */
    const messageOfHelper = "can't get final child's PID from pipe";
    const refused = (modify: (bundle: Bundle) => void, pointer: string) => {
      const failure = box.refuses(box.bundle(modify));
      if (isTsubo) expect(failure.record.pointer).toBe(pointer);
      return failure;
    };

    test('when a namespace is listed twice', () => {
      const failure = refused(
        bundle => bundle.config.linux.namespaces.push({ type: 'pid' }),
        '/linux/namespaces/6/type',
      );
      expect(failure.message).toContain('malformed spec file: duplicated ns');
    });

    test('when a type is unknown', () => {
      const failure = refused(
        bundle => bundle.config.linux.namespaces.push({ type: 'moon' }),
        '/linux/namespaces/6/type',
      );
      const struct = disagrees('runc 1.1', 'reports an unknown namespace as a Go value');
      expect(failure.message).toContain(`namespace ${struct ? '{"moon" ""}' : '"moon"'} does not exist`);
    });

    test('when the path does not exist', () => {
      const failure = refused(
        bundle => bundle.namespace('network', '/nowhere/net'),
        '/linux/namespaces/5/path',
      );
      expect(failure.message).toMatch(/\/nowhere\/net: no such file or directory/);
    });

    test('when the path is not a namespace', () => {
      const failure = refused(
        bundle => bundle.namespace('network', '/etc/passwd'),
        '/linux/namespaces/5/path',
      );
      expect(failure.message).toContain(
        disagrees('runc', 'does not report the cause') ? messageOfHelper : '/etc/passwd is not a namespace',
      );
    });

    test('when the path is a namespace of another kind', () => {
      const failure = refused(
        bundle => bundle.namespace('network', `/proc/${box.view.pid}/ns/ipc`),
        '/linux/namespaces/5/path',
      );
      expect(failure.message).toContain(
        disagrees('runc', 'does not report the cause')
          ? messageOfHelper
          : 'is a namespace of type ipc, not network',
      );
    });

    test('when masked paths are given without a mount namespace', () => {
      const failure = box.refuses(box.bundle(bundle => bundle.namespace('mount')));
      expect(failure.message).toContain('without a private MNT namespace');
    });
  });
});
