// SPDX-License-Identifier: Apache-2.0
import type { Config, Mount } from '../oci/config.ts';
import { ociVersionMin } from '../oci/version.ts';

/**
 * Returns a minimal config.json: a shell on a terminal in a read-only root, with the usual settings of other runtimes.
 */
export function defaultConfig(options: {
  readonly program: string;
  readonly cgroupNamespace: boolean;
}): Config {
  return {
    // Every version supports these properties, and older runtimes reject a newer version.
    ociVersion: ociVersionMin,
    process: {
      terminal: true,
      user: { uid: 0, gid: 0 },
      args: ['sh'],
      env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'TERM=xterm'],
      cwd: '/',
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      rlimits: [{ type: 'RLIMIT_NOFILE', hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: 'rootfs', readonly: true },
    hostname: options.program,
    mounts,
    linux: {
      resources: { devices: [{ allow: false, access: 'rwm' }] },
      namespaces: [
        { type: 'pid' },
        { type: 'network' },
        { type: 'ipc' },
        { type: 'uts' },
        { type: 'mount' },
        ...(options.cgroupNamespace ? [{ type: 'cgroup' as const }] : []),
      ],
      maskedPaths,
      readonlyPaths,
    },
  };
}

/**
 * The same for a user without privileges: a user namespace that maps the user to root, the host's network and /sys
 * (mounting sysfs requires a network namespace of its own), no limits, and no unmapped ids.
 */
export function rootless(document: Config, uid: number, gid: number): Config {
  const { resources: _needsPrivileges, namespaces = [], ...linux } = document.linux ?? {};
  return {
    ...document,
    mounts: (document.mounts ?? []).map(rootlessMount),
    linux: {
      uidMappings: [{ containerID: 0, hostID: uid, size: 1 }],
      gidMappings: [{ containerID: 0, hostID: gid, size: 1 }],
      namespaces: [...namespaces.filter(({ type }) => type !== 'network'), { type: 'user' }],
      ...linux,
    },
  };
}

function rootlessMount(mount: Mount): Mount {
  if (mount.destination === '/sys') {
    const options = ['rbind', 'nosuid', 'noexec', 'nodev', 'ro'];
    return { destination: '/sys', type: 'none', source: '/sys', options };
  }
  if (mount.options === undefined) return mount;
  return { ...mount, options: mount.options.filter(option => !/^[ug]id=/.test(option)) };
}

const capabilities = ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE'];

const mounts: readonly Mount[] = [
  { destination: '/proc', type: 'proc', source: 'proc' },
  {
    destination: '/dev',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
  },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
  },
  {
    destination: '/dev/shm',
    type: 'tmpfs',
    source: 'shm',
    options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'],
  },
  { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
  {
    destination: '/sys/fs/cgroup',
    type: 'cgroup',
    source: 'cgroup',
    options: ['nosuid', 'noexec', 'nodev', 'relatime', 'ro'],
  },
];

const maskedPaths = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/sys/firmware',
  '/proc/scsi',
];

const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];
