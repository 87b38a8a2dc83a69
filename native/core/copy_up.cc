// SPDX-License-Identifier: Apache-2.0
#include "core/copy_up.h"

#include <linux/errno.h>

#include "core/files.h"

namespace tsubo {

namespace {

constexpr int kMaxDepth = 200;

// The kernel's struct linux_dirent64.
struct DirectoryEntry {
  uint64_t inode;
  int64_t offset;
  uint16_t length;
  uint8_t type;
  char name[];
};

Result copy_file(int from, const char* name, int to, const files::Status& at) {
  constexpr int kMake = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  constexpr int kRead = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  UniqueFd in, out;
  if (Result r = take(&in, "openat", sys::openat(from, name, kRead)); !r.ok()) return r;
  if (Result r = take(&out, "openat", sys::openat(to, name, kMake, at.mode & 0777)); !r.ok()) return r;
  char block[16384];
  while (true) {
    long n = sys::read(in.get(), block, sizeof block);
    if (n < 0) return check("read", n);
    if (n == 0) break;
    for (long done = 0; done < n;) {
      long w = sys::write(out.get(), block + done, static_cast<size_t>(n - done));
      if (w < 0) return check("write", w);
      done += w;
    }
  }
  return {};
}

// The owner is set first: chown clears the set-user-id bits, and the chmod after it restores them.
Result set_owner(int to, const char* name, const files::Status& at) {
  long r = sys::fchownat(to, name, at.uid, at.gid, AT_SYMLINK_NOFOLLOW);
  if (r < 0) return check("fchownat", r);
  if (at.is(S_IFLNK)) return {};
  return check("fchmodat", sys::call(__NR_fchmodat, to, sys::arg(name), at.mode & 07777));
}

Result copy_directory(Context& c, int from, int to, int depth) {
  if (depth > kMaxDepth) return {ELOOP, "openat"};
  alignas(8) char entries[4096];
  while (true) {
    long n = sys::call(__NR_getdents64, from, sys::arg(entries), sizeof entries);
    if (n < 0) return check("getdents64", n);
    if (n == 0) return {};
    for (long i = 0; i < n;) {
      auto* entry = reinterpret_cast<DirectoryEntry*>(entries + i);
      i += entry->length;
      const char* name = entry->name;
      if (text::equal(name, ".") || text::equal(name, "..")) continue;
      files::Status at;
      long r = files::status(from, name, AT_SYMLINK_NOFOLLOW, &at);
      if (r == -ENOENT) continue;
      if (r < 0) return check("statx", r);
      Result made;
      if (at.is(S_IFDIR)) {
        constexpr int kInside = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        UniqueFd in, out;
        made = take(&in, "openat", sys::openat(from, name, kInside));
        if (made.ok()) made = check("mkdirat", sys::mkdirat(to, name, at.mode & 07777));
        if (made.ok()) made = take(&out, "openat", sys::openat(to, name, kInside));
        if (made.ok()) made = copy_directory(c, in.get(), out.get(), depth + 1);
      } else if (at.is(S_IFLNK)) {
        char target[text::kPathMax];
        long length = sys::readlinkat(from, name, target, sizeof target - 1);
        if (length < 0) return check("readlinkat", length);
        target[length] = '\0';
        made = check("symlinkat", sys::symlinkat(target, to, name));
      } else if (at.is(S_IFREG)) {
        made = copy_file(from, name, to, at);
      } else {
        made = check("mknodat", sys::mknodat(to, name, at.mode, files::device_number(at.rdev_major, at.rdev_minor)));
      }
      if (made.ok()) made = set_owner(to, name, at);
      if (!made.ok()) {
        c.about(name);
        return made;
      }
    }
  }
}

}  // namespace

Result copy_up(Context& c, int from, int to) {
  UniqueFd directory;
  if (Result r = take(&directory, "openat", sys::openat(from, ".", O_DIRECTORY | O_CLOEXEC)); !r.ok()) return r;
  return copy_directory(c, directory.get(), to, 0);
}

}  // namespace tsubo
