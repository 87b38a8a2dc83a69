// SPDX-License-Identifier: Apache-2.0

/** CLONE_NEW* flags of clone3(2), setns(2) and unshare(2), by OCI name of the namespace type. */
export const namespaceFlags = {
  cgroup: 0x02000000,
  ipc: 0x08000000,
  mount: 0x00020000,
  network: 0x40000000,
  pid: 0x20000000,
  time: 0x00000080,
  user: 0x10000000,
  uts: 0x04000000,
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
