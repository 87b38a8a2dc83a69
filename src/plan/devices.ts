// SPDX-License-Identifier: Apache-2.0
import type { Config, Device } from '../oci/config.ts';
import type { Step } from '../wire/steps.ts';
import { containerPath } from './context.ts';
import { S_IF } from './kernel-flags.ts';
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

/** False if the config binds /dev: nothing is made in it then. */
export function ownsDev(config: Config): boolean {
  return !(config.mounts ?? []).some(mount => isBind(mount) && containerPath(mount.destination) === '/dev');
}

/** The default devices, the config's devices in place of or in addition to them, and the links of /dev. */
export function deviceSteps(config: Config): Step[] {
  if (!ownsDev(config)) return [];
  const bound = userNamespace(config) !== undefined;
  const asked = config.linux?.devices ?? [];
  const replaced = new Set(asked.map(device => containerPath(device.path)));
  const steps: Step[] = [];
  for (const device of defaultDevices) {
    if (!replaced.has(device.path)) steps.push(deviceStep(device, '', bound));
  }
  asked.forEach((device, index) => {
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
