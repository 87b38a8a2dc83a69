// SPDX-License-Identifier: Apache-2.0
import type { Mount } from '../oci/config.ts';

/** Settings of a container without options: those of Docker, because images are made for them. */

export const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export const defaultCapabilities: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
];

/** Files that reveal or change the state of the machine. */
export const maskedPaths: readonly string[] = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];

export const readonlyPaths: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
];

const safe = ['nosuid', 'noexec', 'nodev'];

/**
 * File systems of the kernel. A privileged container may write to /sys and to its cgroups. A user's container has no group
 * 5 (tty), and without a network namespace of its own it can only see the /sys of the host.
 */
export function kernelMounts({
  privileged,
  isRoot,
  hostNetwork,
}: {
  readonly privileged: boolean;
  readonly isRoot: boolean;
  readonly hostNetwork: boolean;
}): Mount[] {
  const access = privileged ? 'rw' : 'ro';
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: safe },
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
      options: [
        'nosuid',
        'noexec',
        'newinstance',
        'ptmxmode=0666',
        'mode=0620',
        ...(isRoot ? ['gid=5'] : []),
      ],
    },
    isRoot || !hostNetwork
      ? { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...safe, access] }
      : { destination: '/sys', type: 'bind', source: '/sys', options: ['rbind', ...safe, 'ro'] },
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [...safe, access] },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: safe },
  ];
}

export function sharedMemoryMount(bytes: number): Mount {
  return {
    destination: '/dev/shm',
    type: 'tmpfs',
    source: 'shm',
    options: [...safe, 'mode=1777', `size=${bytes}`],
  };
}

export const defaultSharedMemory = 64 << 20;
export const defaultStopTimeout = 10;
export const defaultStopSignal = 'SIGTERM';
