// SPDX-License-Identifier: Apache-2.0
#include "core/files.h"

#include <asm/statfs.h>
#include <linux/errno.h>
#include <linux/major.h>
#include <linux/mount.h>
#include <linux/openat2.h>

#include "core/kernel.h"

namespace tsubo::files {

long status(int dir, const char* path, int flags, Status* out) {
  struct statx sx;
  if (*path == '\0') flags |= AT_EMPTY_PATH;
  long r = sys::call(__NR_statx, dir, sys::arg(path), flags, STATX_BASIC_STATS | STATX_MNT_ID, sys::arg(&sx));
  if (r == 0)
    *out = {sx.stx_mode, sx.stx_uid, sx.stx_gid, sx.stx_rdev_major, sx.stx_rdev_minor, sx.stx_ino, sx.stx_mnt_id};
  return r;
}

bool is_null(const Status& at) {
  return at.is(S_IFCHR) && at.rdev_major == MEM_MAJOR && at.rdev_minor == kernel::kNullMinor;
}

bool is_null_device(int fd) {
  Status at;
  return fd >= 0 && status(fd, "", 0, &at) == 0 && is_null(at);
}

bool is_ptmx(const Status& at) {
  return at.is(S_IFCHR) && at.rdev_major == TTYAUX_MAJOR && at.rdev_minor == kernel::kPtmxMinor;
}

bool is_terminal_slave(const Status& at) {
  return at.is(S_IFCHR) && at.rdev_major >= UNIX98_PTY_SLAVE_MAJOR &&
         at.rdev_major < UNIX98_PTY_SLAVE_MAJOR + UNIX98_PTY_MAJOR_COUNT;
}

long filesystem(int fd, Filesystem* out) {
  struct statfs fs;
  long r = sys::call(__NR_fstatfs, fd, sys::arg(&fs));
  if (r == 0) *out = {static_cast<uint64_t>(fs.f_type), static_cast<uint64_t>(fs.f_flags)};
  return r;
}

namespace {

long resolve(int dir, const char* path, int flags, uint64_t how_to) {
  sys::OpenHow how = {static_cast<uint64_t>(flags | O_CLOEXEC), 0, how_to};
  // EAGAIN: a rename raced with the lookup of `..`, and the kernel cannot guarantee that the path stayed inside.
  for (int tries = 0;; tries++) {
    long fd = sys::openat2(dir, path, &how);
    if (fd != -EAGAIN || tries == 128) return fd;
  }
}

// The length of the directory part of a path, with the slash.
size_t directory_length(const char* path) {
  size_t n = text::length(path);
  while (n > 0 && path[n - 1] != '/') n--;
  return n;
}

bool names_entry(const char* name) { return *name != '\0' && !text::equal(name, ".") && !text::equal(name, ".."); }

// Returns the descriptor, or -EBUSY if it refers to the root itself.
long unless_root(int root, long fd) {
  Status top, at;
  long r = status(root, "", 0, &top);
  if (r == 0) r = status(static_cast<int>(fd), "", 0, &at);
  if (r == 0 && at.mount == top.mount && at.inode == top.inode) r = -EBUSY;
  if (r == 0) return fd;
  sys::close(static_cast<int>(fd));
  return r;
}

// Creates the entry in a directory that is already resolved, and never follows a link (CVE-2024-45310). -EEXIST: an
// entry of that name exists; it may be a dangling link.
long make_entry(int directory, const char* name, Make what, unsigned mode) {
  if (what == Make::directory) return sys::mkdirat(directory, name, mode);
  long fd = sys::openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
  if (fd >= 0) sys::close(static_cast<int>(fd));
  return fd;
}

long open_entry(int directory, const char* name, Make what) {
  int flags = O_PATH | O_NOFOLLOW | (what == Make::directory ? O_DIRECTORY : 0);
  return resolve(directory, name, flags, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

}  // namespace

long open_in_root(int root, const char* path, int flags, uint64_t extra_resolve) {
  if (*path == '\0') path = "/";
  return resolve(root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | extra_resolve);
}

namespace {

// Walks the path by component: `done` exists, `rest` remains.
long walk_and_make(int root, const char* path, Make what, unsigned mode) {
  text::Path done, rest, next;
  rest.add(path);
  long top = open_in_root(root, "/");
  if (top < 0) return top;
  UniqueFd at(top);
  int links = 0;
  while (true) {
    const char* p = rest.c_str();
    while (*p == '/') p++;
    const char* end = p;
    while (*end != '\0' && *end != '/') end++;
    if (end == p) return at.release();
    const char* after = end;
    while (*after == '/') after++;
    bool last = *after == '\0';

    text::Buffer<256> name;
    name.add(p, static_cast<size_t>(end - p));
    if (name.overflowed()) return -ENAMETOOLONG;
    size_t done_before = done.size();
    done.add("/").add(name.c_str());
    if (done.overflowed()) return -ENAMETOOLONG;

    // Resolved from the root each time: the kernel follows links and `..`, and stays inside the root.
    long fd = open_in_root(root, done.c_str());
    if (fd == -ENOENT) {
      char link[text::kPathMax];
      long n = sys::readlinkat(at.get(), name.c_str(), link, sizeof link - 1);
      if (n > 0) {
        if (++links > 40) return -ELOOP;
        link[n] = '\0';
        next.clear();
        next.add(link).add("/").add(after);
        if (next.overflowed()) return -ENAMETOOLONG;
        done.truncate(link[0] == '/' ? 0 : done_before);
        if (link[0] == '/') at.reset(open_in_root(root, "/"));
        rest.clear();
        rest.add(next.c_str());
        continue;
      }
      Make kind = last ? what : Make::directory;
      long made = make_entry(at.get(), name.c_str(), kind, last ? mode : 0755);
      if (made < 0 && made != -EEXIST) return made;
      fd = open_entry(at.get(), name.c_str(), kind);
    }
    if (fd < 0) return fd;
    at.reset(fd);
    next.clear();
    next.add(after);
    rest.clear();
    rest.add(next.c_str());
  }
}

// Fast path: usually only the last component is missing.
long make_missing(int root, const char* path, Make what, unsigned mode) {
  size_t length = directory_length(path);
  const char* name = path + length;
  text::Path directory;
  directory.add(path, length);
  if (!directory.overflowed() && names_entry(name)) {
    UniqueFd parent(open_in_root(root, directory.c_str(), O_PATH | O_DIRECTORY));
    if (parent.open() && make_entry(parent.get(), name, what, mode) >= 0) return open_entry(parent.get(), name, what);
  }
  return walk_and_make(root, path, what, mode);
}

}  // namespace

long make_in_root(int root, const char* path, Make what, unsigned mode) {
  long fd = open_in_root(root, path);
  return fd == -ENOENT ? make_missing(root, path, what, mode) : fd;
}

namespace {

// The plan has normalised the path: a path other than `/` resolves to the root only through a link.
long open_or_make_below(int root, const char* path, const Make* what, unsigned mode, bool* existed) {
  long fd = open_in_root(root, path, O_PATH, RESOLVE_NO_SYMLINKS);
  bool links = fd == -ELOOP;
  if (links) fd = open_in_root(root, path);
  if (existed != nullptr) *existed = fd >= 0;
  if (fd == -ENOENT && what != nullptr) fd = make_missing(root, path, *what, mode);
  return fd >= 0 && links ? unless_root(root, fd) : fd;
}

}  // namespace

long open_below_root(int root, const char* path) { return open_or_make_below(root, path, nullptr, 0, nullptr); }

long make_below_root(int root, const char* path, Make what, unsigned mode, bool* existed) {
  return open_or_make_below(root, path, &what, mode, existed);
}

Result open_parent(Context& c, const char* path, int* parent, const char** name) {
  c.about(path);
  size_t length = directory_length(path);
  *name = path + length;
  if (!names_entry(*name)) return {EISDIR, "openat2"};
  Parent& last = c.parent;
  bool same = last.fd >= 0 && last.step + 1 == c.step && last.length == length && text::equal(last.path, path, length);
  if (!same) {
    text::Path directory;
    directory.add(path, length);
    if (directory.overflowed()) return {ENAMETOOLONG, "openat2"};
    long fd = make_in_root(c.root, directory.c_str(), Make::directory, 0755);
    if (fd < 0) return check("openat2", fd);
    if (last.fd >= 0) sys::close(last.fd);
    last = {static_cast<int>(fd), path, length, c.step};
  }
  last.step = c.step;
  *parent = last.fd;
  return {};
}

long procfs(Context& c) {
  if (c.procfs >= 0) return c.procfs;
  long r = sys::fsopen("proc", FSOPEN_CLOEXEC);
  if (r < 0) return r;
  UniqueFd fs(r);
  r = sys::fsconfig(fs.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0);
  if (r < 0) return r;
  r = sys::fsmount(fs.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  if (r >= 0) c.procfs = static_cast<int>(r);
  return r;
}

}  // namespace tsubo::files
