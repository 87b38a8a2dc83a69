// SPDX-License-Identifier: Apache-2.0

import { errno } from '../errors/errno.ts';
import { S_IF } from '../kernel/files.ts';
import type { Config, Device } from '../oci/config.ts';
import type { Step } from '../wire/steps.ts';
import { containerPath } from './context.ts';
import type { Explanation, Facility } from './facility.ts';
import { modeText } from './flag-names.ts';
import { isBind } from './mount-options.ts';
import { userNamespace } from './user-namespace.ts';

/** config-linux.md#default-devices, in the order runc makes them. */
const defaultDevices: readonly Device[] = [
  { type: 'c', path: '/dev/null', major: 1, minor: 3 },
  { type: 'c', path: '/dev/random', major: 1, minor: 8 },
  { type: 'c', path: '/dev/full', major: 1, minor: 7 },
  { type: 'c', path: '/dev/tty', major: 5, minor: 0 },
  { type: 'c', path: '/dev/zero', major: 1, minor: 5 },
  { type: 'c', path: '/dev/urandom', major: 1, minor: 9 },
];

/** runtime-linux.md#dev-symbolic-links. Programs expect links to /proc/self, not to /proc/thread-self. */
const links: readonly { readonly path: string; readonly target: string }[] = [
  { path: '/dev/fd', target: '/proc/self/fd' },
  { path: '/dev/stdin', target: '/proc/self/fd/0' },
  { path: '/dev/stdout', target: '/proc/self/fd/1' },
  { path: '/dev/stderr', target: '/proc/self/fd/2' },
];

const readWriteAll = 0o666;
const fileType = { c: S_IF.S_IFCHR, u: S_IF.S_IFCHR, b: S_IF.S_IFBLK, p: S_IF.S_IFIFO } as const;
const permissionBits = 0o7777;

/** Returns false if the config binds /dev, because nothing is made in a bound /dev. */
export function ownsDev(config: Config): boolean {
  return !(config.mounts ?? []).some(mount => isBind(mount) && containerPath(mount.destination) === '/dev');
}

/**
 * Returns the steps for the default devices, the config's devices in place of or in addition to them, and the links of
 * /dev.
 */
export function deviceSteps(config: Config): Step[] {
  if (!ownsDev(config)) return [];
  const bound = userNamespace(config) !== undefined;
  const requested = config.linux?.devices ?? [];
  const replaced = new Set(requested.map(device => containerPath(device.path)));
  const steps: Step[] = [];
  for (const device of defaultDevices) {
    if (!replaced.has(device.path)) steps.push(deviceStep(device, '', bound));
  }
  requested.forEach((device, index) => {
    // No device node: /dev/ptmx must be a link to the ptmx of the container's devpts.
    if (containerPath(device.path) !== '/dev/ptmx') {
      steps.push(deviceStep(device, `/linux/devices/${index}`, bound));
    }
  });
  for (const { path, target } of links) steps.push({ op: 'makeSymlink', origin: '', path, target });
  steps.push({
    op: 'makeSymlinkIf',
    origin: '',
    path: '/dev/core',
    target: '/proc/kcore',
    needs: '/proc/kcore',
  });
  steps.push({ op: 'replaceSymlink', origin: '', path: '/dev/ptmx', target: 'pts/ptmx' });
  return steps;
}

/**
 * In a user namespace mknod(2) of devices fails: the host's nodes are bound, with the host's owner and permissions.
 * FIFOs can be made.
 */
function deviceStep(device: Device, origin: string, bound: boolean): Step {
  const path = containerPath(device.path);
  const fifo = device.type === 'p';
  const major = fifo ? 0 : (device.major ?? 0);
  const minor = fifo ? 0 : (device.minor ?? 0);
  if (bound && !fifo) return { op: 'bindDevice', origin, path, mode: fileType[device.type], major, minor };
  return {
    op: 'makeDevice',
    origin,
    path,
    mode: fileType[device.type] | ((device.fileMode ?? readWriteAll) & permissionBits),
    major,
    minor,
    uid: device.uid ?? 0,
    gid: device.gid ?? 0,
  };
}

function linkFailure(path: string, called: string): Explanation {
  return { code: 'container.device', message: `error setting up /dev symlink ${path}: ${called}` };
}

const steps = {
  /**
   * mknodat(2) at `path` in the root with `mode` (file type and permissions), then chown. Missing parents are
   * created. An existing node is accepted if its type and numbers match, otherwise the step fails with EEXIST; its
   * mode and owner are unchanged, like in runc and crun, because it may be the host's. A mount at `path` is kept in
   * any case. If the kernel does not permit nodes (EPERM), the host's node of the same path is bind-mounted.
   */
  makeDevice: {
    path: 'text',
    mode: 'number',
    major: 'number',
    minor: 'number',
    uid: 'number',
    gid: 'number',
  },
  /**
   * Bind-mounts the host's node at `path`, which must have the type in `mode` and these numbers, over the file at
   * `path` in the root, for user namespaces, in which nodes cannot be created. A missing file is created. A mount at
   * `path` is kept.
   */
  bindDevice: { path: 'text', mode: 'number', major: 'number', minor: 'number' },
  /** symlinkat(2) at `path` in the root. An existing path is kept. */
  makeSymlink: { path: 'text', target: 'text' },
  /**
   * Like makeSymlink, but an existing file (not a directory) is removed first, unless it is the character device 5:2
   * on another mount than the root's. A mount at `path` is kept.
   */
  replaceSymlink: { path: 'text', target: 'text' },
  /** Like makeSymlink, but only if `needs` exists (a host path, checked before the pivot). */
  makeSymlinkIf: { path: 'text', target: 'text', needs: 'text' },
} as const;

/** Devices and the links of /dev. */
export const devicesFacility: Facility<typeof steps> = {
  steps,
  explain: {
    makeDevice: ({ path, major, minor }, { called }) => ({
      code: 'container.device',
      message: `error creating device node ${JSON.stringify(path)}: ${called}`,
      value: `${major}:${minor}`,
    }),
    bindDevice: ({ path, major, minor }, { called }) => ({
      code: 'container.device',
      message: `error binding device node ${JSON.stringify(path)}: ${called}`,
      value: `${major}:${minor}`,
    }),
    makeSymlink: ({ path }, { called }) => linkFailure(path, called),
    replaceSymlink: ({ path }, { called }) => linkFailure(path, called),
    makeSymlinkIf: ({ path }, { called }) => linkFailure(path, called),
  },
  hints: () => ({
    makeDevice: {
      [errno.EPERM]: 'device nodes need CAP_MKNOD and a device cgroup that allows mknod',
      [errno.EEXIST]: 'another file of that name exists in the root file system',
      [errno.EROFS]: 'mount a tmpfs on /dev, or make the node in the root file system beforehand',
    },
    bindDevice: {
      [errno.ENOENT]:
        'a user namespace cannot make device nodes: the host must have a node at that path, which is then bound',
      [errno.ENODEV]:
        "a user namespace cannot make device nodes, and the host's node at that path is another device",
      [errno.EACCES]:
        'the target of the bind mount cannot be made because /dev belongs to a user without a mapping: mount a tmpfs on /dev',
      [errno.EROFS]: 'mount a tmpfs on /dev, or make the file in the root file system beforehand',
      [errno.ELOOP]: 'a symbolic link has that name in the root file system',
    },
  }),
  fields: { makeDevice: { mode: modeText }, bindDevice: { mode: modeText } },
};
