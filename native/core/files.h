// SPDX-License-Identifier: Apache-2.0
//
// The status of descriptors, and lookups of paths in the container's root.
#pragma once

#include <asm/fcntl.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "core/context.h"

namespace tsubo::files {

struct Status {
  unsigned mode;
  unsigned uid;
  unsigned gid;
  unsigned rdev_major;
  unsigned rdev_minor;
  uint64_t inode;
  // The ID of the mount that contains the file.
  uint64_t mount;
  bool is(unsigned type) const { return (mode & S_IFMT) == type; }
};
// An empty `path` means the descriptor itself.
long status(int dir, const char* path, int flags, Status* status);

// Compares the device numbers: a file named /dev/null may be anything (CVE-2025-31133).
bool is_null(const Status& at);
bool is_null_device(int fd);
bool is_ptmx(const Status& at);
// True for /dev/pts/N of any devpts.
bool is_terminal_slave(const Status& at);

// The kernel's encoding of a device number in mknodat(2).
inline uint64_t device_number(uint64_t major, uint64_t minor) {
  return (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xffull) << 12);
}

// f_type and f_flags (ST_*) of the file system that contains the file of a descriptor.
struct Filesystem {
  uint64_t type;
  uint64_t flags;
};
long filesystem(int fd, Filesystem* filesystem);

// Opens a path in the root with O_PATH or with `flags`. Links stay inside the root; magic links are refused.
long open_in_root(int root, const char* path, int flags = O_PATH, uint64_t extra_resolve = 0);

// Opens a path in the root with O_PATH. Returns -EBUSY if links resolve to the root itself.
long open_below_root(int root, const char* path);

enum class Make { directory, file };
// Like open_in_root, but creates missing components: parents as directories with mode 0755, the last one as `what` with
// `mode`. A dangling symbolic link is followed inside the root and its target is created.
long make_in_root(int root, const char* path, Make what, unsigned mode);
// Like make_in_root, but returns -EBUSY if links resolve to the root itself. `existed` is set if the path existed.
long make_below_root(int root, const char* path, Make what, unsigned mode, bool* existed);

// Opens the directory of `path` in the root, which is created if missing, and returns the last name of the path. The
// context owns the descriptor.
Result open_parent(Context& c, const char* path, int* parent, const char** name);

// Returns the private procfs of the context, which the first call creates, or a negative errno.
long procfs(Context& c);

}  // namespace tsubo::files
