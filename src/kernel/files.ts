// SPDX-License-Identifier: Apache-2.0

/** open(2). O_DIRECTORY and O_NOFOLLOW are missing: their values differ on x86_64 and arm64. */
export const O = {
  O_RDONLY: 0,
  O_RDWR: 0o2,
  O_CREAT: 0o100,
  O_EXCL: 0o200,
  O_TRUNC: 0o1000,
  O_APPEND: 0o2000,
  O_NONBLOCK: 0o4000,
  O_SYNC: 0o4010000,
  O_CLOEXEC: 0o2000000,
  O_PATH: 0o10000000,
} as const;

/** The bits of a file mode that contain the type. */
export const S_IFMT = 0o170000;

/** Types of files. They are numbers and not flags: S_IFBLK has the bits of S_IFCHR. */
export const S_IF = {
  S_IFIFO: 0o010000,
  S_IFCHR: 0o020000,
  S_IFDIR: 0o040000,
  S_IFBLK: 0o060000,
  S_IFREG: 0o100000,
  S_IFLNK: 0o120000,
} as const;

/** f_type of statfs(2). */
export const MAGIC = {
  CGROUP2_SUPER_MAGIC: 0x63677270,
  PROC_SUPER_MAGIC: 0x9fa0,
  RDTGROUP_SUPER_MAGIC: 0x7655821,
  SELINUX_MAGIC: 0xf97cff8c,
} as const;
