// SPDX-License-Identifier: Apache-2.0
import { CLONE } from '../kernel/namespaces.ts';

/** CLONE_NEW* flags of clone3(2), setns(2) and unshare(2), by OCI name of the namespace type. */
export const namespaceFlags = {
  cgroup: CLONE.CLONE_NEWCGROUP,
  ipc: CLONE.CLONE_NEWIPC,
  mount: CLONE.CLONE_NEWNS,
  network: CLONE.CLONE_NEWNET,
  pid: CLONE.CLONE_NEWPID,
  time: CLONE.CLONE_NEWTIME,
  user: CLONE.CLONE_NEWUSER,
  uts: CLONE.CLONE_NEWUTS,
} as const;

/** `linux.namespaces[].type`: config-linux.md#namespaces. */
export type NamespaceType = keyof typeof namespaceFlags;

/** File name of the namespace in /proc/PID/ns. */
export const namespaceFiles: { readonly [Type in NamespaceType]: string } = {
  cgroup: 'cgroup',
  ipc: 'ipc',
  mount: 'mnt',
  network: 'net',
  pid: 'pid',
  time: 'time',
  user: 'user',
  uts: 'uts',
};
