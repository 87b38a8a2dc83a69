// SPDX-License-Identifier: Apache-2.0
import { copyFileSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Seccomp } from '../../src/oci/seccomp.ts';

const capabilities = ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE'];

/**
 * The config that `runc spec` of runc 1.3 writes on a machine with cgroup v2, without a terminal.
 *
 * The cgroup namespace matters: without it a runtime that makes a new cgroup2 mount does so from the initial cgroup
 * namespace, where Linux 6.18 waits more than 10 ms for a grace period.
 */
export function defaultConfig(args: readonly string[], seccomp?: Seccomp): object {
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args,
      env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'TERM=xterm'],
      cwd: '/',
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      rlimits: [{ type: 'RLIMIT_NOFILE', hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: 'rootfs', readonly: true },
    hostname: 'runc',
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      mount('/dev', 'tmpfs', 'tmpfs', 'nosuid strictatime mode=755 size=65536k'),
      mount('/dev/pts', 'devpts', 'devpts', 'nosuid noexec newinstance ptmxmode=0666 mode=0620 gid=5'),
      mount('/dev/shm', 'tmpfs', 'shm', 'nosuid noexec nodev mode=1777 size=65536k'),
      mount('/dev/mqueue', 'mqueue', 'mqueue', 'nosuid noexec nodev'),
      mount('/sys', 'sysfs', 'sysfs', 'nosuid noexec nodev ro'),
      mount('/sys/fs/cgroup', 'cgroup', 'cgroup', 'nosuid noexec nodev relatime ro'),
    ],
    linux: {
      resources: { devices: [{ allow: false, access: 'rwm' }] },
      namespaces: ['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'].map(type => ({ type })),
      maskedPaths: [
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
      ],
      readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
      ...(seccomp !== undefined && { seccomp }),
    },
  };
}

function mount(destination: string, type: string, source: string, options: string): object {
  return { destination, type, source, options: options.split(' ') };
}

/**
 * Writes a bundle of one static program under several names.
 *
 * @param busybox - a static busybox
 */
export function writeBundle(
  directory: string,
  busybox: string,
  args: readonly string[],
  seccomp?: Seccomp,
): void {
  const rootfs = join(directory, 'rootfs');
  rmSync(directory, { recursive: true, force: true });
  for (const name of ['bin', 'proc', 'dev', 'sys']) mkdirSync(join(rootfs, name), { recursive: true });
  copyFileSync(busybox, join(rootfs, 'bin/busybox'));
  for (const name of ['sh', 'sleep', 'true']) symlinkSync('busybox', join(rootfs, 'bin', name));
  writeFileSync(join(directory, 'config.json'), JSON.stringify(defaultConfig(args, seccomp), null, 2));
}

const lowerLayers = 10;

/** Options of a root of layers; the paths are those of `writeUnionBundle`. */
export function unionOptions(directory: string, volatile: boolean): string[] {
  const lowers = Array.from({ length: lowerLayers - 1 }, (_, index) => `${directory}/layers/${index}`);
  return [
    `lowerdir=${[...lowers, `${directory}/image`].join(':')}`,
    `upperdir=${directory}/upper`,
    `workdir=${directory}/work`,
    ...(volatile ? ['volatile'] : []),
  ];
}

/** Like writeBundle, with the root file system as the lowest of ten layers, each with a file of its own. */
export function writeUnionBundle(
  directory: string,
  busybox: string,
  args: readonly string[],
  volatile: boolean,
): void {
  writeBundle(directory, busybox, args);
  renameSync(join(directory, 'rootfs'), join(directory, 'image'));
  for (const name of ['rootfs', 'upper', 'work']) mkdirSync(join(directory, name));
  for (let index = 0; index < lowerLayers - 1; index++) {
    const layer = join(directory, 'layers', String(index));
    mkdirSync(join(layer, 'etc'), { recursive: true });
    writeFileSync(join(layer, 'etc', `of-${index}`), '');
  }
  const config = defaultConfig(args) as { mounts: object[] };
  const options = unionOptions(directory, volatile);
  config.mounts.unshift({ destination: '/', type: 'overlay', source: 'overlay', options });
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config, null, 2));
}
