// SPDX-License-Identifier: Apache-2.0
import { namespaceFlags } from '../oci/namespaces.ts';

/** Kernel constants in steps, with the kernel's names. All are the same on x86_64 and arm64. */

/** mount(2). */
export const MS = {
  MS_RDONLY: 1,
  MS_NOSUID: 2,
  MS_NODEV: 4,
  MS_NOEXEC: 8,
  MS_SYNCHRONOUS: 16,
  MS_REMOUNT: 32,
  MS_MANDLOCK: 64,
  MS_DIRSYNC: 128,
  MS_NOSYMFOLLOW: 256,
  MS_NOATIME: 1024,
  MS_NODIRATIME: 2048,
  MS_BIND: 4096,
  MS_REC: 16384,
  MS_SILENT: 32768,
  MS_UNBINDABLE: 1 << 17,
  MS_PRIVATE: 1 << 18,
  MS_SLAVE: 1 << 19,
  MS_SHARED: 1 << 20,
  MS_RELATIME: 1 << 21,
  MS_I_VERSION: 1 << 23,
  MS_STRICTATIME: 1 << 24,
  MS_LAZYTIME: 1 << 25,
} as const;

/**
 * mount_setattr(2). MOUNT_ATTR__ATIME is not a flag but the mask of a small number: RELATIME (0), NOATIME or
 * STRICTATIME. It is first in the table: flagNames() must match the mask before its parts.
 */
export const MOUNT_ATTR = {
  MOUNT_ATTR__ATIME: 0x70,
  MOUNT_ATTR_RDONLY: 0x1,
  MOUNT_ATTR_NOSUID: 0x2,
  MOUNT_ATTR_NODEV: 0x4,
  MOUNT_ATTR_NOEXEC: 0x8,
  MOUNT_ATTR_NOATIME: 0x10,
  MOUNT_ATTR_STRICTATIME: 0x20,
  MOUNT_ATTR_NODIRATIME: 0x80,
  MOUNT_ATTR_NOSYMFOLLOW: 0x200000,
} as const;

/** File types of mknod(2). */
export const S_IF = { S_IFIFO: 0o010000, S_IFCHR: 0o020000, S_IFBLK: 0o060000 } as const;

/**
 * Names of the set bits, in the table's order: `MS_REC|MS_SLAVE`. Bits without a name become one hexadecimal number; no
 * bits at all are `0`.
 */
export function flagNames(value: number | bigint, table: Readonly<Record<string, number>>): string {
  let rest = BigInt(value);
  const names: string[] = [];
  for (const [name, bits] of Object.entries(table)) {
    const mask = BigInt(bits);
    if (mask !== 0n && (rest & mask) === mask) {
      names.push(name);
      rest &= ~mask;
    }
  }
  if (rest !== 0n) names.push(`0x${rest.toString(16)}`);
  return names.length === 0 ? '0' : names.join('|');
}

/** Names of the set bits of a mask in which bit N means number N; `bit 63` if there is no name. */
export function bitNames(mask: number | bigint, numbers: Readonly<Record<string, number>>): string[] {
  const names: string[] = [];
  let rest = BigInt(mask);
  for (let bit = 0; rest !== 0n; bit++, rest >>= 1n) {
    if ((rest & 1n) === 0n) continue;
    names.push(Object.keys(numbers).find(name => numbers[name] === bit) ?? `bit ${bit}`);
  }
  return names;
}

/** linux/seccomp.h */
export const SECCOMP_FILTER_FLAG = {
  SECCOMP_FILTER_FLAG_TSYNC: 1,
  SECCOMP_FILTER_FLAG_LOG: 2,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
  SECCOMP_FILTER_FLAG_NEW_LISTENER: 8,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: 32,
} as const;

/** `MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV`. */
export function attributeNames(attributes: number | bigint): string {
  return flagNames(attributes, MOUNT_ATTR);
}

/** `MS_REC|MS_SLAVE`. */
export function propagationNames(flags: number | bigint): string {
  return flagNames(flags, MS);
}

/** `CLONE_NEWNET|CLONE_NEWNS`. */
export function cloneFlagNames(flags: number | bigint): string {
  return flagNames(flags, cloneNames);
}

const cloneNames = {
  CLONE_NEWCGROUP: namespaceFlags.cgroup,
  CLONE_NEWIPC: namespaceFlags.ipc,
  CLONE_NEWNET: namespaceFlags.network,
  CLONE_NEWNS: namespaceFlags.mount,
  CLONE_NEWPID: namespaceFlags.pid,
  CLONE_NEWTIME: namespaceFlags.time,
  CLONE_NEWUSER: namespaceFlags.user,
  CLONE_NEWUTS: namespaceFlags.uts,
};

const permissionBits = 0o7777;

/** `0755`; with a file type `S_IFCHR|0666`. */
export function modeText(mode: number | bigint): string {
  const number = Number(mode);
  const permissions = `0${(number & permissionBits).toString(8).padStart(3, '0')}`;
  const type = number & ~permissionBits;
  return type === 0 ? permissions : `${typeName(type)}|${permissions}`;
}

/** File types are numbers and not flags: S_IFBLK has the bits of S_IFCHR. */
function typeName(type: number): string {
  return Object.entries(S_IF).find(([, value]) => value === type)?.[0] ?? `0x${type.toString(16)}`;
}
