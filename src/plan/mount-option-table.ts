// SPDX-License-Identifier: Apache-2.0
import { MOUNT_ATTR, MS } from '../kernel/mount.ts';

/** The option words of mounts: config.md#linux-mount-options. */

interface PlainOption {
  /** MS_* of mount(2). */
  readonly flags: number;
  /** The word clears the flags. */
  readonly clears?: true;
}

export const plainOptions: Readonly<Record<string, PlainOption>> = {
  async: { flags: MS.MS_SYNCHRONOUS, clears: true },
  atime: { flags: MS.MS_NOATIME, clears: true },
  bind: { flags: MS.MS_BIND },
  defaults: { flags: 0 },
  dev: { flags: MS.MS_NODEV, clears: true },
  diratime: { flags: MS.MS_NODIRATIME, clears: true },
  dirsync: { flags: MS.MS_DIRSYNC },
  exec: { flags: MS.MS_NOEXEC, clears: true },
  iversion: { flags: MS.MS_I_VERSION },
  lazytime: { flags: MS.MS_LAZYTIME },
  loud: { flags: MS.MS_SILENT, clears: true },
  mand: { flags: MS.MS_MANDLOCK },
  noatime: { flags: MS.MS_NOATIME },
  nodev: { flags: MS.MS_NODEV },
  nodiratime: { flags: MS.MS_NODIRATIME },
  noexec: { flags: MS.MS_NOEXEC },
  noiversion: { flags: MS.MS_I_VERSION, clears: true },
  nolazytime: { flags: MS.MS_LAZYTIME, clears: true },
  nomand: { flags: MS.MS_MANDLOCK, clears: true },
  norelatime: { flags: MS.MS_RELATIME, clears: true },
  nostrictatime: { flags: MS.MS_STRICTATIME, clears: true },
  nosuid: { flags: MS.MS_NOSUID },
  nosymfollow: { flags: MS.MS_NOSYMFOLLOW },
  rbind: { flags: MS.MS_BIND | MS.MS_REC },
  relatime: { flags: MS.MS_RELATIME },
  remount: { flags: MS.MS_REMOUNT },
  ro: { flags: MS.MS_RDONLY },
  rw: { flags: MS.MS_RDONLY, clears: true },
  silent: { flags: MS.MS_SILENT },
  strictatime: { flags: MS.MS_STRICTATIME },
  suid: { flags: MS.MS_NOSUID, clears: true },
  symfollow: { flags: MS.MS_NOSYMFOLLOW, clears: true },
  sync: { flags: MS.MS_SYNCHRONOUS },
};

/** MS_* flags that mount(2) sets after the mount, also for `linux.rootfsPropagation`. */
export const propagationOptions = {
  private: MS.MS_PRIVATE,
  rprivate: MS.MS_PRIVATE | MS.MS_REC,
  shared: MS.MS_SHARED,
  rshared: MS.MS_SHARED | MS.MS_REC,
  slave: MS.MS_SLAVE,
  rslave: MS.MS_SLAVE | MS.MS_REC,
  unbindable: MS.MS_UNBINDABLE,
  runbindable: MS.MS_UNBINDABLE | MS.MS_REC,
} as const satisfies Readonly<Record<string, number>>;

interface RecursiveOption {
  /** MOUNT_ATTR_* of mount_setattr(2) with AT_RECURSIVE. */
  readonly set: number;
  readonly clear: number;
}

/** An access time setting replaces the previous one; relatime, the kernel's default, is zero. */
export const recursiveOptions: Readonly<Record<string, RecursiveOption>> = {
  ratime: { set: 0, clear: MOUNT_ATTR.MOUNT_ATTR__ATIME },
  rdev: { set: 0, clear: MOUNT_ATTR.MOUNT_ATTR_NODEV },
  rdiratime: { set: 0, clear: MOUNT_ATTR.MOUNT_ATTR_NODIRATIME },
  rexec: { set: 0, clear: MOUNT_ATTR.MOUNT_ATTR_NOEXEC },
  rnoatime: { set: MOUNT_ATTR.MOUNT_ATTR_NOATIME, clear: MOUNT_ATTR.MOUNT_ATTR__ATIME },
  rnodev: { set: MOUNT_ATTR.MOUNT_ATTR_NODEV, clear: 0 },
  rnodiratime: { set: MOUNT_ATTR.MOUNT_ATTR_NODIRATIME, clear: 0 },
  rnoexec: { set: MOUNT_ATTR.MOUNT_ATTR_NOEXEC, clear: 0 },
  rnorelatime: { set: 0, clear: MOUNT_ATTR.MOUNT_ATTR__ATIME },
  rnostrictatime: { set: 0, clear: MOUNT_ATTR.MOUNT_ATTR__ATIME },
  rnosuid: { set: MOUNT_ATTR.MOUNT_ATTR_NOSUID, clear: 0 },
  rnosymfollow: { set: MOUNT_ATTR.MOUNT_ATTR_NOSYMFOLLOW, clear: 0 },
  rro: { set: MOUNT_ATTR.MOUNT_ATTR_RDONLY, clear: 0 },
  rrelatime: { set: 0, clear: MOUNT_ATTR.MOUNT_ATTR__ATIME },
  rrw: { set: 0, clear: MOUNT_ATTR.MOUNT_ATTR_RDONLY },
  rstrictatime: { set: MOUNT_ATTR.MOUNT_ATTR_STRICTATIME, clear: MOUNT_ATTR.MOUNT_ATTR__ATIME },
  rsuid: { set: 0, clear: MOUNT_ATTR.MOUNT_ATTR_NOSUID },
  rsymfollow: { set: 0, clear: MOUNT_ATTR.MOUNT_ATTR_NOSYMFOLLOW },
};

/** Words that mount(2) stored on the super block, with their names in fsconfig(2). */
export const superBlockOptions: readonly { readonly flag: number; readonly option: string }[] = [
  { flag: MS.MS_RDONLY, option: 'ro' },
  { flag: MS.MS_SYNCHRONOUS, option: 'sync' },
  { flag: MS.MS_DIRSYNC, option: 'dirsync' },
  { flag: MS.MS_MANDLOCK, option: 'mand' },
  { flag: MS.MS_LAZYTIME, option: 'lazytime' },
];
