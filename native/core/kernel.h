// SPDX-License-Identifier: Apache-2.0
//
// Names that the kernel's headers for programs do not define, or only headers newer than those of Linux 5.10. A C
// library's headers define most of them; test/native/kernel-constants.test.ts compares the two. For the init and the
// keeper: in the runtime they would collide with the C library's.
#pragma once

#include <asm/fcntl.h>
#include <linux/mount.h>
#include <stdint.h>

// access(2), umount2(2)
#define X_OK 1
#define MNT_DETACH 2

// socket(2), sendmsg(2), recvmsg(2) and shutdown(2)
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define SOCK_SEQPACKET 5
#define SOCK_NONBLOCK O_NONBLOCK
#define SOCK_CLOEXEC O_CLOEXEC
#define SOL_NETLINK 270
#define SCM_RIGHTS 1
#define MSG_PEEK 2
#define MSG_TRUNC 0x20
#define MSG_DONTWAIT 0x40
#define MSG_NOSIGNAL 0x4000
#define SHUT_WR 1
#define MSG_CMSG_CLOEXEC 0x40000000

// ioctl(2) with SIOCSIFFLAGS
#define IFF_UP 1

// f_flags of fstatfs(2)
#define ST_RDONLY 1
#define ST_NOSUID 2
#define ST_NODEV 4
#define ST_NOEXEC 8
#define ST_NOATIME 1024
#define ST_NODIRATIME 2048

// ioprio_set(2): linux/ioprio.h is newer.
#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_CLASS_SHIFT 13

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

namespace tsubo::kernel {

// The inode number of the root of every procfs; the permission to find a key; the minor numbers of /dev/null and
// /dev/ptmx below their majors. No header for programs has them.
inline constexpr uint64_t kProcRootInode = 1;
inline constexpr uint32_t kKeyUserSearch = 0x00080000;
inline constexpr unsigned kNullMinor = 3, kPtmxMinor = 2;

}  // namespace tsubo::kernel
