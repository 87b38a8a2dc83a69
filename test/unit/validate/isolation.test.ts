// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { checkConfig } from '../../../src/validate/check.ts';
import { findWeaknesses } from '../../../src/validate/isolation/index.ts';

const secret = ['/proc/kcore', '/proc/keys', '/proc/timer_list', '/proc/sched_debug', '/sys/firmware'];
const settings = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** A config without warnings. */
function isolated() {
  return {
    ociVersion: '1.3.0',
    root: { path: 'rootfs' },
    process: {
      args: ['sh'],
      cwd: '/',
      user: { uid: 1000, gid: 1000 },
      noNewPrivileges: true,
      capabilities: { bounding: ['CAP_KILL'] } as Record<string, string[]> | undefined,
    },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'ro'] },
      { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro'] },
    ] as { destination: string; type?: string; source?: string; options?: string[] }[],
    linux: {
      namespaces: ['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'].map(type => ({ type })) as {
        type: string;
        path?: string;
      }[],
      seccomp: { defaultAction: 'SCMP_ACT_ERRNO' } as { defaultAction: string } | undefined,
      maskedPaths: [...secret],
      readonlyPaths: [...settings],
      rootfsPropagation: 'rslave',
      devices: [] as object[],
      resources: {} as { devices?: object[] },
    },
  };
}

type Change = (config: ReturnType<typeof isolated>) => void;

/** `code pointer` of all findings. */
function weaknesses(change: Change): string[] {
  const config = isolated();
  change(config);
  return findWeaknesses(checkConfig(config).draft).map(({ code, pointer }) => `${code} ${pointer}`);
}

it('reports nothing for an isolated container', () => {
  expect(weaknesses(() => {})).toEqual([]);
});

it('contains a reason and a hint in each finding', () => {
  const found = findWeaknesses({ process: { args: ['sh'], cwd: '/' }, root: { path: '/' } });
  expect(found.length).toBeGreaterThan(5);
  for (const { why, hint, spec } of found) {
    expect(why).not.toBe('');
    expect(hint).not.toBe('');
    expect(spec).toMatch(/^config(-linux)?\.md#/);
  }
});

const without =
  (type: string): Change =>
  ({ linux }) => {
    linux.namespaces = linux.namespaces.filter(namespace => namespace.type !== type);
  };
const withUserNamespace: Change = ({ linux }) => {
  linux.namespaces.push({ type: 'user' });
};
const capability =
  (...names: string[]): Change =>
  ({ process }) => {
    process.capabilities = { bounding: ['CAP_KILL', ...names], effective: names };
  };
const mount =
  (source: string, ...options: string[]): Change =>
  ({ mounts }) => {
    mounts.push({ destination: '/mnt', source, options: ['rbind', ...options] });
  };
const all =
  (...changes: Change[]): Change =>
  config => {
    for (const change of changes) change(config);
  };
const root: Change = ({ process }) => {
  process.user.uid = 0;
};

describe.each<[string, [string, Change, string[]][]]>([
  [
    'namespaces',
    [
      ['no pid namespace', without('pid'), ['isolation.host-namespace /linux/namespaces']],
      ['no network namespace', without('network'), ['isolation.host-namespace /linux/namespaces']],
      ['no ipc namespace', without('ipc'), ['isolation.host-namespace /linux/namespaces']],
      ['no uts namespace', without('uts'), ['isolation.host-namespace /linux/namespaces']],
      [
        "the first process's by path",
        ({ linux }) => Object.assign(linux.namespaces[1] ?? {}, { path: '/proc/1/ns/net' }),
        ['isolation.host-namespace /linux/namespaces/1'],
      ],
      [
        'of another container by path',
        ({ linux }) => Object.assign(linux.namespaces[1] ?? {}, { path: '/proc/4242/ns/net' }),
        [],
      ],
      ['root', root, ['isolation.host-root /process/user/uid']],
      ['root of a user namespace', all(root, withUserNamespace), []],
    ],
  ],
  [
    'capabilities',
    [
      [
        'CAP_SYS_ADMIN, reported once',
        capability('CAP_SYS_ADMIN'),
        ['isolation.capability /process/capabilities/bounding/1'],
      ],
      [
        'in any case of letters',
        capability('cap_sys_module'),
        ['isolation.capability /process/capabilities/bounding/1'],
      ],
      [
        'CAP_SYS_ADMIN in a user namespace',
        all(capability('CAP_SYS_ADMIN'), withUserNamespace),
        ['isolation.capability /process/capabilities/bounding/1'],
      ],
      ['CAP_SYS_TIME in a user namespace', all(capability('CAP_SYS_TIME'), withUserNamespace), []],
      ['CAP_NET_ADMIN over a network of its own and CAP_CHOWN', capability('CAP_NET_ADMIN', 'CAP_CHOWN'), []],
      [
        'CAP_NET_ADMIN over the network of the host',
        all(capability('CAP_NET_ADMIN'), without('network')),
        [
          'isolation.host-namespace /linux/namespaces',
          'isolation.capability /process/capabilities/bounding/1',
        ],
      ],
      [
        'all that the runtime has',
        ({ process }) => {
          process.capabilities = undefined;
        },
        ['isolation.capabilities /process/capabilities'],
      ],
    ],
  ],
  [
    'the process',
    [
      [
        'setuid programs',
        ({ process }) => {
          process.noNewPrivileges = false;
        },
        ['isolation.new-privileges /process/noNewPrivileges'],
      ],
      [
        'no seccomp filter',
        ({ linux }) => {
          linux.seccomp = undefined;
        },
        ['isolation.seccomp /linux/seccomp'],
      ],
      [
        'a filter that allows the unknown',
        ({ linux }) => {
          linux.seccomp = { defaultAction: 'SCMP_ACT_ALLOW' };
        },
        ['isolation.seccomp /linux/seccomp/defaultAction'],
      ],
    ],
  ],
  [
    'files of the kernel',
    [
      [
        'kcore that is not masked',
        ({ linux }) => {
          linux.maskedPaths.shift();
        },
        ['isolation.unmasked /linux/maskedPaths'],
      ],
      [
        'all of /proc masked',
        ({ linux }) => {
          linux.maskedPaths = ['/proc', '/sys/firmware'];
          linux.readonlyPaths = [];
        },
        [],
      ],
      [
        '/proc/sys that is writable',
        ({ linux }) => {
          linux.readonlyPaths = settings.filter(path => path !== '/proc/sys');
        },
        ['isolation.writable-proc /linux/readonlyPaths'],
      ],
      [
        'a read-only root, which /proc/sys is not part of',
        ({ linux }) => {
          linux.readonlyPaths = ['/'];
        },
        ['isolation.writable-proc /linux/readonlyPaths'],
      ],
      [
        'no procfs at all',
        config => {
          config.mounts = config.mounts.slice(1);
          config.linux.maskedPaths = ['/sys/firmware'];
          config.linux.readonlyPaths = [];
        },
        [],
      ],
      [
        'a cgroup mount that is writable after all',
        ({ mounts }) => Object.assign(mounts[2] ?? {}, { options: ['ro', 'rw'] }),
        ['isolation.writable-cgroup /mounts/2'],
      ],
      [
        'a writable sysfs',
        ({ mounts }) => Object.assign(mounts[1] ?? {}, { options: [] }),
        ['isolation.writable-sysfs /mounts/1'],
      ],
    ],
  ],
  [
    'paths of the host',
    [
      [
        'its root as root',
        ({ root: home }) => Object.assign(home, { path: '/./' }),
        ['isolation.host-path /root/path'],
      ],
      ['its root, read-only', mount('/', 'ro'), ['isolation.host-path /mounts/3/source']],
      ['/etc', mount('/etc/'), ['isolation.host-path /mounts/3/source']],
      ['a directory in /etc', mount('/etc/ssl'), ['isolation.host-path /mounts/3/source']],
      ['/etc, read-only', mount('/etc', 'ro'), []],
      ['/etcetera', mount('/etcetera'), []],
      ['a volume', mount('/srv/data'), []],
      [
        'the socket of an engine, even read-only',
        mount('/var/run/docker.sock', 'ro'),
        ['isolation.control-socket /mounts/3/source'],
      ],
      ['the directory of all sockets', mount('/run', 'ro'), ['isolation.control-socket /mounts/3/source']],
      [
        'a mount that is shared',
        mount('/srv/data', 'rshared'),
        ['isolation.shared-mount /mounts/3/options/1'],
      ],
      [
        'a shared root',
        ({ linux }) => {
          linux.rootfsPropagation = 'shared';
        },
        ['isolation.shared-mount /linux/rootfsPropagation'],
      ],
    ],
  ],
  [
    'devices',
    [
      [
        'memory',
        ({ linux }) => linux.devices.push({ type: 'c', path: '/dev/mem', major: 1, minor: 1 }),
        ['isolation.device /linux/devices/0'],
      ],
      [
        'a disk',
        ({ linux }) => linux.devices.push({ type: 'b', path: '/dev/sda', major: 8, minor: 0 }),
        ['isolation.device /linux/devices/0'],
      ],
      [
        'the null device',
        ({ linux }) => linux.devices.push({ type: 'c', path: '/dev/null', major: 1, minor: 3 }),
        [],
      ],
      ['no rules: all but the usual devices is denied', capability('CAP_MKNOD'), []],
      [
        'a rule that denies',
        all(capability('CAP_MKNOD'), ({ linux }) => {
          linux.resources.devices = [
            { allow: false, access: 'rwm' },
            { allow: true, type: 'c', major: 1, minor: 3 },
          ];
        }),
        [],
      ],
      [
        'a rule that allows all after it',
        all(capability('CAP_MKNOD'), ({ linux }) => {
          linux.resources.devices = [{ allow: false }, { allow: true, type: 'a', access: 'rwm' }];
        }),
        ['isolation.device-rules /linux/resources/devices/1'],
      ],
      [
        'a rule that allows all, and a later one that denies only character devices',
        all(capability('CAP_MKNOD'), ({ linux }) => {
          linux.resources.devices = [{ allow: true }, { allow: false, type: 'c' }];
        }),
        ['isolation.device-rules /linux/resources/devices/0'],
      ],
      [
        'a rule that allows all, and a later one that denies only mknod, which the default rules allow',
        all(capability('CAP_MKNOD'), ({ linux }) => {
          linux.resources.devices = [{ allow: true }, { allow: false, access: 'm' }];
        }),
        ['isolation.device-rules /linux/resources/devices/0'],
      ],
      [
        'a rule that allows all, and a later one that denies reads and writes',
        all(capability('CAP_MKNOD'), ({ linux }) => {
          linux.resources.devices = [{ allow: true }, { allow: false, access: 'rw' }];
        }),
        [],
      ],
    ],
  ],
])('%s', (_, cases) => {
  it.each(cases)('%s', (_name, change, expected) => {
    expect(weaknesses(change)).toEqual(expected);
  });
});
