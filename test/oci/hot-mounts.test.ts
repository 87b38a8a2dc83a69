// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { parseMountinfo } from '../helpers/mountinfo.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';
import { sandbox, until } from '../helpers/sandbox.ts';
import { asUser, prepareUser, unprivileged } from '../helpers/user.ts';

const first = 100_000;
const mayMount = ({ config: { process } }: Bundle): void => {
  for (const set of ['bounding', 'effective', 'permitted'] as const) {
    process.capabilities?.[set]?.push('CAP_SYS_ADMIN');
  }
};

describe.skipIf(requires('root', 'busybox', 'kernel:5.12') || !isTsubo)('mount add', () => {
  const box = sandbox();
  const add = (bundle: Bundle, ...args: string[]) => box.must(['mount', 'add', bundle.id, ...args]);
  const addType = (bundle: Bundle, type: string, ...args: string[]) =>
    box.must(['mount', 'add', '--type', type, bundle.id, ...args]);
  const refuses = (bundle: Bundle, args: readonly string[], text: string, code: string) =>
    box.failsWith(['mount', 'add', bundle.id, ...args], text, code);
  const rm = (bundle: Bundle, ...args: string[]) => box.must(['mount', 'rm', bundle.id, ...args]);
  const exec = (bundle: Bundle, script: string) =>
    box.must(['exec', bundle.id, '/bin/sh', '-c', script]).stdout;
  const mountinfo = (bundle: Bundle) => {
    const { pid } = box.state(bundle.id);
    return parseMountinfo(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'));
  };
  const mountOn = (bundle: Bundle, target: string) =>
    mountinfo(bundle).findLast(mount => mount.target === target);
  const listed = (bundle: Bundle) =>
    JSON.parse(box.must(['mount', 'ls', '--format', 'json', bundle.id]).stdout) as Record<string, unknown>[];

  describe.each<[string, (bundle: Bundle) => void]>([
    ['without a user namespace', () => {}],
    ['in a user namespace', bundle => bundle.userNamespace(first)],
  ])('in a container %s', (_, modify) => {
    test('shows a directory of the host until mount rm', () => {
      const bundle = box.running(modify);
      const source = box.source();
      add(bundle, source, '/data/here');
      expect(exec(bundle, 'cat /data/here/note')).toBe('from the host');
      expect(listed(bundle)).toEqual([{ target: '/data/here', source, type: 'bind', options: [] }]);
      rm(bundle, '/data/here');
      expect(exec(bundle, 'ls /data/here')).toBe('');
      expect(mountOn(bundle, '/data/here')).toBeUndefined();
      expect(listed(bundle)).toEqual([]);
    });

    test('shows a file of the host over a file', () => {
      const bundle = box.running(modify);
      add(bundle, join(box.source(), 'note'), '/etc/passwd');
      expect(exec(bundle, 'cat /etc/passwd')).toBe('from the host');
      rm(bundle, '/etc/passwd');
      expect(exec(bundle, 'cat /etc/passwd')).not.toBe('from the host');
    });

    test('applies the options of a bind', () => {
      const bundle = box.running(modify);
      add(bundle, box.source(), '/data', 'ro,nosuid', 'nodev', 'noexec');
      expect(mountOn(bundle, '/data')?.options).toEqual(
        expect.arrayContaining(['ro', 'nosuid', 'nodev', 'noexec']),
      );
      expect(exec(bundle, 'touch /data/x 2>&1 || true')).toContain('Read-only file system');
    });

    test('makes a tmpfs with the mode of its mount point, which the container cannot change if it is ro', () => {
      const bundle = box.running(modify);
      exec(bundle, 'mkdir -m 710 /cache');
      addType(bundle, 'tmpfs', 'tmpfs', '/cache', 'size=1m,ro');
      expect(exec(bundle, 'stat -c %a /cache; busybox df -m /cache | tail -n 1')).toMatch(/^710\ntmpfs +1 /);
      expect(exec(bundle, 'touch /cache/x 2>&1 || true')).toContain('Read-only file system');
    });

    test('makes a procfs that shows the processes of the container', () => {
      const bundle = box.running(modify);
      addType(bundle, 'proc', 'proc', '/data');
      expect(exec(bundle, 'cat /data/1/comm')).toBe('sleep\n');
    });

    test('makes the whole tree read-only with rro before the container sees it', () => {
      const source = box.source();
      mkdirSync(join(source, 'sub'));
      box.view.sh(`mount -t tmpfs tmpfs ${join(source, 'sub')}`);
      try {
        const bundle = box.running(modify);
        add(bundle, source, '/data', 'rbind,rro');
        expect(exec(bundle, 'touch /data/sub/x 2>&1 || true')).toContain('Read-only file system');
      } finally {
        box.view.sh(`umount ${join(source, 'sub')}`);
      }
    });

    test('makes a mount private to the container, also of a shared mount of the host', () => {
      const source = box.source();
      box.view.sh(`mount --bind ${source} ${source} && mount --make-shared ${source}`);
      try {
        const bundle = box.running(modify);
        add(bundle, source, '/data');
        expect(mountOn(bundle, '/data')?.propagation ?? []).toEqual([]);
      } finally {
        box.view.sh(`umount ${source}`);
      }
    });

    test('works while the container waits for its start, and while it is paused', () => {
      const bundle = box.created(made => {
        modify(made);
        made.shell('cat /data/note; exec sleep 1000');
      });
      add(bundle, box.source(), '/data');
      box.must(['start', bundle.id]);
      box.must(['pause', bundle.id]);
      add(bundle, box.source(), '/other');
      box.must(['resume', bundle.id]);
      expect(exec(bundle, 'cat /other/note')).toBe('from the host');
    });

    test('leaves nothing of a refused mount in the list', () => {
      const bundle = box.running(modify);
      refuses(bundle, [box.source(), '/etc/passwd'], 'not a directory', 'container.mount');
      refuses(
        bundle,
        ['/no/such/source', '/data'],
        'open_tree /no/such/source: no such file',
        'container.mount',
      );
      expect(listed(bundle)).toEqual([]);
      expect(existsSync(join(box.root, bundle.id, 'mounts.json'))).toBe(true);
    });
  });

  test('shows the owners that the container sees with idmap', () => {
    const bundle = box.running(made => made.userNamespace(first));
    const source = box.source();
    add(bundle, source, '/mapped', 'idmap');
    add(bundle, source, '/plain');
    expect(exec(bundle, 'stat -c %u /mapped/note /plain/note')).toBe('0\n65534\n');
  });

  test('locks the options of the host for the root of a user namespace', () => {
    const source = box.source();
    box.view.sh(`mount --bind ${source} ${source} && mount -o remount,bind,ro,nosuid ${source}`);
    try {
      const bundle = box.running(made => {
        made.userNamespace(first);
        mayMount(made);
      });
      add(bundle, source, '/data');
      expect(exec(bundle, 'mount -o remount,bind,rw,suid /data 2>&1 || true')).toMatch(
        /denied|not permitted/,
      );
      expect(mountOn(bundle, '/data')?.options).toEqual(expect.arrayContaining(['ro', 'nosuid']));
    } finally {
      box.view.sh(`umount ${source}`);
    }
  });

  test('ends with the container', async () => {
    const bundle = box.running();
    add(bundle, box.source(), '/data');
    box.must(['kill', bundle.id, 'KILL']);
    await until('it has stopped', () => box.state(bundle.id).status === 'stopped');
    box.failsWith(['mount', 'add', bundle.id, '/', '/x'], 'which is stopped', 'state.not-running');
    box.failsWith(['mount', 'rm', bundle.id, '/data'], 'which is stopped', 'state.not-running');
    box.must(['delete', bundle.id]);
    expect(existsSync(join(box.root, bundle.id))).toBe(false);
  });

  test.each<[string[], string, string]>([
    [['/', ''], 'the target of the mount is empty', 'config.mount.destination'],
    [['', '/x'], 'the source of the mount is empty', 'config.mount.source'],
    [['/', '/'], 'mountpoint "/" is on the top of rootfs', 'config.mount.root'],
    [['/', '/proc'], '"/proc" cannot be mounted because it is not of type proc', 'container.mount'],
    [['/', '/proc/self/attr'], 'because it is inside /proc', 'config.mount.inside-proc'],
    [['/', '/x', 'ro,sizee=3'], 'filesystem-specific options', 'config.mount.bind-options'],
    [['/', '/x', 'remount'], 'the mount option remount is not supported', 'config.unsupported'],
    [['/', '/x', 'idmap'], 'idmap is not supported', 'config.unsupported'],
    [['-t', 'tmpfs', '/', '/x', 'tmpcopyup'], 'tmpcopyup is not supported', 'config.unsupported'],
    [['-t', 'cgroup2', '/', '/x'], 'of type cgroup2 is not supported', 'config.unsupported'],
    [['-t', 'nosuchfs', '/', '/x'], 'no such device', 'container.mount'],
    [['-t', 'tmpfs', 'tmpfs', '/x', 'sizee=3'], 'sizee', 'container.mount'],
  ])('refuses %j', (args, text, code) => {
    const bundle = box.running();
    refuses(bundle, args, text, code);
    expect(mountinfo(bundle).some(({ target }) => target === '/x')).toBe(false);
  });

  test('refuses a second mount at the same path', () => {
    const bundle = box.running();
    add(bundle, box.source(), '/data');
    refuses(bundle, [box.source(), '/data/../data'], 'a mount was added', 'state.mount-exists');
  });

  test('refuses a container in the mount namespace of the runtime', () => {
    const bundle = box.running(({ config: { linux } }) => {
      linux.namespaces = linux.namespaces.filter(({ type }) => type !== 'mount');
      linux.maskedPaths = [];
      linux.readonlyPaths = [];
    });
    refuses(
      bundle,
      [box.source(), '/data'],
      'has the mount namespace of the runtime',
      'state.no-mount-namespace',
    );
  });

  test('resolves links of the container inside its root, while the container swaps them', async () => {
    const secret = box.mkdir('secret');
    const bundle = box.running(made => {
      // The links lead out of the root if they are resolved on the host.
      symlinkSync(secret, join(made.rootfs, 'out'));
      made.shell(
        'mkdir -p /a/real; while :; do busybox ln -sfn ../../../../../../../.. /a/link; busybox ln -sfn /a/real /a/link; done',
      );
    });
    await until('the links exist', () => existsSync(join(bundle.rootfs, 'a/link')));
    const before = box.view.mounts();
    let attached = 0;
    for (let round = 0; round < 30; round++) {
      const target = `/a/link/${secret.slice(1)}/t${round}`;
      const done = box.oci(['mount', 'add', bundle.id, box.source(), target]);
      if (done.status === 0) attached += 1;
    }
    add(bundle, box.source(), '/out/here');
    expect(attached).toBeGreaterThan(0);
    // Nothing was made or mounted outside of the root.
    expect(box.view.mounts()).toEqual(before);
    expect(existsSync(join(secret, 'here'))).toBe(false);
    expect(box.view.sh(`ls ${secret}`)).toBe('');
  });
});

describe.skipIf(requires('root', 'busybox', 'kernel:5.12') || !isTsubo)('mount rm', () => {
  const box = sandbox();
  const withMount = (modify?: (bundle: Bundle) => void) => {
    const bundle = box.running(made => {
      mayMount(made);
      modify?.(made);
    });
    box.must(['mount', 'add', bundle.id, box.source(), '/data']);
    return bundle;
  };
  const exec = (bundle: Bundle, script: string) =>
    box.must(['exec', bundle.id, '/bin/sh', '-c', script]).stdout;

  test('refuses a mount of the config', () => {
    const bundle = withMount();
    box.failsWith(['mount', 'rm', bundle.id, '/dev/shm'], 'no mount was added', 'state.no-mount');
    box.failsWith(['mount', 'rm', bundle.id, '/proc'], 'no mount was added', 'state.no-mount');
  });

  test('refuses what the container has mounted over it; --force removes only the entry', () => {
    const bundle = withMount();
    exec(bundle, 'mount -t tmpfs tmpfs /data && echo own >/data/file');
    box.failsWith(['mount', 'rm', bundle.id, '/data'], 'does not show the mount', 'state.mount-changed');
    box.must(['mount', 'rm', '--force', bundle.id, '/data']);
    expect(exec(bundle, 'cat /data/file')).toBe('own\n');
    expect(box.must(['mount', 'ls', bundle.id]).stdout).toBe('TARGET   SOURCE   TYPE   OPTIONS\n');
  });

  test('refuses another mount of the same directory in its place', () => {
    const bundle = withMount();
    exec(bundle, 'mkdir /kept && mount --bind /data /kept && umount /data && mount --bind /kept /data');
    box.failsWith(['mount', 'rm', bundle.id, '/data'], 'does not show the mount', 'state.mount-changed');
    expect(exec(bundle, 'cat /data/note')).toBe('from the host');
  });

  test('removes a mount that is in use, with the mounts in it', () => {
    const bundle = withMount(made => made.shell('until cd /data; do :; done; touch /ready; exec sleep 1000'));
    exec(bundle, 'until test -e /ready; do :; done; mkdir /data/sub; mount -t tmpfs tmpfs /data/sub');
    box.must(['mount', 'rm', bundle.id, '/data']);
    expect(exec(bundle, 'ls /data')).toBe('');
  });

  test('reports a damaged list, which delete --force removes', () => {
    const bundle = withMount();
    writeFileSync(join(box.root, bundle.id, 'mounts.json'), '{"version":1,"mounts":[{}]}');
    box.failsWith(['mount', 'rm', bundle.id, '/data'], 'is damaged', 'state.damaged');
    box.must(['delete', '--force', bundle.id]);
    expect(existsSync(join(box.root, bundle.id))).toBe(false);
  });
});

describe.skipIf(requires('root', 'busybox', 'kernel:5.12') || !isTsubo)('a user other than root', () => {
  const box = sandbox('unified', asUser());
  prepareUser(box);

  test('adds mounts and removes them', () => {
    const bundle = box.running(unprivileged);
    const exec = (script: string) => box.must(['exec', bundle.id, '/bin/sh', '-c', script]).stdout;
    box.must(['mount', 'add', bundle.id, box.source(), '/data', 'ro']);
    box.must(['mount', 'add', '--type', 'tmpfs', bundle.id, 'tmpfs', '/cache']);
    expect(exec('cat /data/note; touch /cache/x; ls /cache')).toBe('from the hostx\n');
    box.must(['mount', 'rm', bundle.id, '/data']);
    box.must(['mount', 'rm', bundle.id, '/cache']);
    expect(exec('ls /data /cache')).toBe('/cache:\n\n/data:\n');
  });
});
