// SPDX-License-Identifier: Apache-2.0
//
// What a descriptor is, and paths in the container's root.
#pragma once

#include <asm/fcntl.h>
#include <linux/fcntl.h>

#include "core/context.h"

namespace tsubo::files {

inline constexpr unsigned kFileType = 0170000, kDirectory = 0040000, kRegular = 0100000, kCharacter = 0020000,
                          kBlock = 0060000, kFifo = 0010000, kSocket = 0140000, kLink = 0120000;

inline constexpr int kCloexec = O_CLOEXEC, kNonblock = O_NONBLOCK, kCreate = O_CREAT, kExclusive = O_EXCL,
                     kWriteOnly = O_WRONLY, kReadWrite = O_RDWR, kDirectoryOnly = O_DIRECTORY, kNoFollow = O_NOFOLLOW,
                     kPathOnly = O_PATH;
inline constexpr int kEmptyPath = AT_EMPTY_PATH, kRecursive = AT_RECURSIVE, kLinkItself = AT_SYMLINK_NOFOLLOW;

inline constexpr uint64_t kProcMagic = 0x9fa0;
inline constexpr uint64_t kProcRootInode = 1;

struct Status {
  unsigned mode;
  unsigned uid;
  unsigned gid;
  unsigned rdev_major;
  unsigned rdev_minor;
  uint64_t inode;
  // The number of the mount it lies on.
  uint64_t mount;
  bool is(unsigned type) const { return (mode & kFileType) == type; }
};
// `path` empty: the descriptor itself.
long status(int dir, const char* path, int flags, Status* status);

// Character device 1:3 and nothing else: a file of that name could be anything (CVE-2025-31133).
bool is_null_device(int fd);

// f_type and f_flags (ST_*) of the file system the descriptor is on.
struct Filesystem {
  uint64_t type;
  uint64_t flags;
};
long filesystem(int fd, Filesystem* filesystem);

// An O_PATH descriptor (or one with `flags`) of a path in the root: links stay inside, magic links are refused.
long open_in_root(int root, const char* path, int flags = kPathOnly, uint64_t extra_resolve = 0);

// An O_PATH descriptor of a path in the root, -EBUSY where links lead to the root itself.
long open_below_root(int root, const char* path);

enum class Make { directory, file };
// The same, and makes what is missing: parents as directories 0755, the last one as asked with `mode`. A dangling
// symbolic link is followed inside the root and what it names is made.
long make_in_root(int root, const char* path, Make what, unsigned mode);
// The same, -EBUSY where links lead to the root itself. `existed` tells whether it was there.
long make_below_root(int root, const char* path, Make what, unsigned mode, bool* existed);

// The directory of `path` in the root (made if missing) and the last name in it. The descriptor stays the context's.
Result open_parent(Context& c, const char* path, int* parent, const char** name);

// The private procfs of the context, made when first asked for. Negative errno.
long procfs(Context& c);

}  // namespace tsubo::files
