// SPDX-License-Identifier: Apache-2.0
import type { ErrorCode } from '../../errors/codes.ts';
import { cleanPath, isBelow } from '../../host/paths.ts';
import { type IsolationCheck, isReadOnly, type Weakness } from './weakness.ts';

/** Sockets of services that execute commands as root. A read-only mount does not prevent a connection. */
const sockets = [
  '/run/docker.sock',
  '/run/containerd/containerd.sock',
  '/run/crio/crio.sock',
  '/run/podman/podman.sock',
  '/run/systemd/private',
  '/run/dbus/system_bus_socket',
];

/** Directories that give a writer control over the host. */
const trees = ['/boot', '/dev', '/etc', '/lib', '/proc', '/root', '/sys', '/usr'];

/** Reports access to the host's root, sockets and system directories. */
export const checkHostPaths: IsolationCheck = config => {
  const found: Weakness[] = [];
  if (cleanPath(config.root?.path ?? '.') === '/') {
    found.push({
      code: 'isolation.host-path',
      message: 'the root file system is that of the host',
      pointer: '/root/path',
      why: 'the container can read, and unless root.readonly is set change, everything on the host',
      hint: 'give the container a directory of its own as root.path',
      spec: 'config.md#root',
    });
  }
  for (const [index, mount] of config.mounts?.entries() ?? []) {
    const { source = '', options = [] } = mount;
    if (!options.some(option => option === 'bind' || option === 'rbind') || !source.startsWith('/')) continue;
    const path = cleanPath(source).replace(/^\/var\/run(?=\/|$)/, '/run');
    const readOnly = isReadOnly(options);
    const reason = reasonOf(path, readOnly);
    if (reason === undefined) continue;
    found.push({
      code: reason.code,
      message: `the host's ${path} is mounted ${readOnly ? 'read-only' : 'writable'} on ${mount.destination ?? ''}`,
      pointer: `/mounts/${index}/source`,
      why: reason.why,
      hint: reason.hint,
      spec: 'config.md#mounts',
    });
  }
  return found;
};

function reasonOf(
  path: string,
  readOnly: boolean,
): { code: ErrorCode; why: string; hint: string } | undefined {
  const socket = sockets.find(known => path === known || isBelow(known, path));
  if (path !== '/' && socket !== undefined) {
    return {
      code: 'isolation.control-socket',
      why: `a process that can connect to ${socket} controls the host as root, even through a read-only mount`,
      hint: 'remove it, or give the container a proxy that allows only what it needs',
    };
  }
  if (path === '/') {
    return {
      code: 'isolation.host-path',
      why: readOnly ? 'it contains all secrets of the host' : 'it contains all files of the host',
      hint: 'mount only the directories that are needed',
    };
  }
  const tree = readOnly ? undefined : trees.find(known => path === known || isBelow(path, known));
  if (tree === undefined) return undefined;
  return {
    code: 'isolation.host-path',
    why: `a process that can write to ${tree} of the host can take over the host`,
    hint: 'add "ro" to its options, or mount only the file that is needed',
  };
}

/** Reports mounts that propagate back to the host. */
export const checkPropagation: IsolationCheck = config => {
  const why = 'mounts that are made in the container appear on the host too';
  const found: Weakness[] = [];
  const propagation: string | undefined = config.linux?.rootfsPropagation;
  if (propagation === 'shared' || propagation === 'rshared') {
    found.push({
      code: 'isolation.shared-mount',
      message: `the root is mounted ${propagation}`,
      pointer: '/linux/rootfsPropagation',
      why,
      hint: 'use rslave: the container then receives mounts of the host, and sends none',
      spec: 'config-linux.md#rootfs-mount-propagation',
    });
  }
  for (const [index, { destination = '', options = [] }] of config.mounts?.entries() ?? []) {
    const at = options.findIndex(option => option === 'shared' || option === 'rshared');
    if (at < 0 || !options.some(option => option === 'bind' || option === 'rbind')) continue;
    found.push({
      code: 'isolation.shared-mount',
      message: `the mount on ${destination} is ${options[at]}`,
      pointer: `/mounts/${index}/options/${at}`,
      why,
      hint: 'use rslave: the container then receives mounts of the host, and sends none',
      spec: 'config.md#linux-mount-options',
    });
  }
  return found;
};
