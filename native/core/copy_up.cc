// SPDX-License-Identifier: Apache-2.0
#include "core/copy_up.h"

#include <linux/errno.h>

#include "core/files.h"

namespace tsubo {

namespace {

constexpr int kMaxDepth = 200;

struct Entry {
  uint64_t inode;
  int64_t offset;
  uint16_t length;
  uint8_t type;
  char name[];
};

Result copy_file(int from, const char* name, int to, const files::Status& at) {
  constexpr int kMake = files::kWriteOnly | files::kCreate | files::kExclusive | files::kNoFollow | files::kCloexec;
  constexpr int kRead = files::kNoFollow | files::kCloexec | files::kNonblock;
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
Result own(int to, const char* name, const files::Status& at) {
  long r = sys::fchownat(to, name, at.uid, at.gid, files::kLinkItself);
  if (r < 0) return check("fchownat", r);
  if (at.is(files::kLink)) return {};
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
      auto* entry = reinterpret_cast<Entry*>(entries + i);
      i += entry->length;
      const char* name = entry->name;
      if (text::equal(name, ".") || text::equal(name, "..")) continue;
      files::Status at;
      long r = files::status(from, name, files::kLinkItself, &at);
      if (r == -ENOENT) continue;
      if (r < 0) return check("statx", r);
      Result made;
      if (at.is(files::kDirectory)) {
        constexpr int kInside = files::kDirectoryOnly | files::kNoFollow | files::kCloexec;
        UniqueFd in, out;
        made = take(&in, "openat", sys::openat(from, name, kInside));
        if (made.ok()) made = check("mkdirat", sys::mkdirat(to, name, at.mode & 07777));
        if (made.ok()) made = take(&out, "openat", sys::openat(to, name, kInside));
        if (made.ok()) made = copy_directory(c, in.get(), out.get(), depth + 1);
      } else if (at.is(files::kLink)) {
        char target[text::kPathMax];
        long length = sys::readlinkat(from, name, target, sizeof target - 1);
        if (length < 0) return check("readlinkat", length);
        target[length] = '\0';
        made = check("symlinkat", sys::symlinkat(target, to, name));
      } else if (at.is(files::kRegular)) {
        made = copy_file(from, name, to, at);
      } else {
        uint64_t dev = (at.rdev_minor & 0xff) | (at.rdev_major << 8) | ((at.rdev_minor & ~0xffull) << 12);
        made = check("mknodat", sys::mknodat(to, name, at.mode, dev));
      }
      if (made.ok()) made = own(to, name, at);
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
  if (Result r = take(&directory, "openat", sys::openat(from, ".", files::kDirectoryOnly | files::kCloexec)); !r.ok())
    return r;
  return copy_directory(c, directory.get(), to, 0);
}

}  // namespace tsubo
