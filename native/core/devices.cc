// SPDX-License-Identifier: Apache-2.0
//
// Device nodes and symbolic links in the root. The directory is resolved inside the root. A link as the last component
// is never followed, because an image can have a link as /dev (CVE-2026-41579).
#include <linux/errno.h>

#include "core/detached_mount.h"

namespace tsubo {

namespace {

bool is_node(const files::Status& at, unsigned mode, uint64_t major, uint64_t minor) {
  return at.is(mode & S_IFMT) && (at.is(S_IFIFO) || (at.rdev_major == major && at.rdev_minor == minor));
}

// True if `at`, an entry of the directory `parent`, is the root of a mount. The config or the creator of the root
// mounted it, and the mount stays, whatever its type. runc and crun do the same.
bool is_mounted_on(int parent, const files::Status& at) {
  files::Status directory;
  return files::status(parent, "", 0, &directory) == 0 && directory.mount != at.mount;
}

// Binds the host's node of that path on `target`.
Result bind_on(Context& c, const char* path, int target, const wire::step::bindDevice& s) {
  UniqueFd tree;
  files::Status at;
  if (Result r = mounts::clone_tree(c, AT_FDCWD, path, false, &tree); !r.ok()) return r;
  if (long r = files::status(tree.get(), "", 0, &at); r < 0) return check("statx", r);
  if (!is_node(at, static_cast<unsigned>(s.mode), s.major, s.minor)) return {ENODEV, "statx"};
  return mounts::attach(c, give(tree), target, path);
}

// Binds the host's node on the file `name`, and creates the file if it is missing. Used where mknod is refused.
Result bind_device(Context& c, const char* path, int parent, const char* name, const wire::step::bindDevice& s) {
  constexpr int kMake = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  long made = sys::openat(parent, name, kMake, 0);
  if (made >= 0) sys::close(static_cast<int>(made));
  if (made < 0 && made != -EEXIST) return check("openat", made);
  UniqueFd target;
  files::Status at;
  constexpr int kFind = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  if (Result r = take(&target, "openat", sys::openat(parent, name, kFind)); !r.ok()) return r;
  if (long r = files::status(target.get(), "", 0, &at); r < 0) return check("statx", r);
  if (made < 0 && is_mounted_on(parent, at)) return {};
  if (at.is(S_IFLNK)) return {ELOOP, "openat"};
  Result r = bind_on(c, path, target.get(), s);
  // If the removal fails, an empty file stays. The first error is the cause.
  if (!r.ok() && made >= 0) sys::unchecked(sys::call(__NR_unlinkat, parent, sys::arg(name), 0));
  return r;
}

}  // namespace

Result run(Context& c, const wire::step::makeDevice& s) {
  const char* path = c.plan.text(s.path);
  int parent = -1;
  const char* name = nullptr;
  if (Result r = files::open_parent(c, path, &parent, &name); !r.ok()) return r;
  auto mode = static_cast<unsigned>(s.mode), uid = static_cast<unsigned>(s.uid), gid = static_cast<unsigned>(s.gid);
  long r = sys::mknodat(parent, name, mode, files::device_number(s.major, s.minor));
  if (r == 0 && uid == 0 && gid == 0) return {};
  // mknod requires CAP_MKNOD. If the bind fails too, report the error of mknod, because it is the cause.
  if (r == -EPERM && bind_device(c, path, parent, name, {s.path, s.mode, s.major, s.minor}).ok()) return {};
  if (r != 0 && r != -EEXIST) return check("mknodat", r);

  UniqueFd node(sys::openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  files::Status at;
  if (!node.open() || files::status(node.get(), "", 0, &at) < 0) return {EEXIST, "mknodat"};
  if (r == -EEXIST && is_mounted_on(parent, at)) return {};
  if (!is_node(at, mode, s.major, s.minor)) return {EEXIST, "mknodat"};
  // An existing node may be the host's: bound there, in a host directory, or in a shared root. Its owner stays
  // unchanged.
  if (r == -EEXIST) return {};
  return check("fchownat", sys::fchownat(node.get(), "", uid, gid, AT_EMPTY_PATH));
}

Result run(Context& c, const wire::step::bindDevice& s) {
  const char* path = c.plan.text(s.path);
  int parent = -1;
  const char* name = nullptr;
  if (Result r = files::open_parent(c, path, &parent, &name); !r.ok()) return r;
  return bind_device(c, path, parent, name, s);
}

namespace {

enum class Existing { keep, replace };

// True for a mount point, which cannot be unlinked. Also true for a node 5:2 on another mount than the root's, because
// it may belong to the host's own /dev. Such a node works like the link: since Linux 4.7 the kernel uses the devpts
// next to it.
bool keeps_existing(Context& c, int parent, const char* name) {
  files::Status at, root;
  if (files::status(parent, name, AT_SYMLINK_NOFOLLOW, &at) < 0 || files::status(c.root, "", 0, &root) < 0)
    return false;
  if (is_mounted_on(parent, at)) return true;
  return files::is_ptmx(at) && at.mount != root.mount;
}

Result make_symlink(Context& c, const char* path, const char* target, Existing existing) {
  int parent = -1;
  const char* name = nullptr;
  if (Result r = files::open_parent(c, path, &parent, &name); !r.ok()) return r;
  long r = sys::symlinkat(target, parent, name);
  if (r != -EEXIST) return check("symlinkat", r);
  if (existing == Existing::keep || keeps_existing(c, parent, name)) return {};
  if (long u = sys::call(__NR_unlinkat, parent, sys::arg(name), 0); u < 0) return check("unlinkat", u);
  return check("symlinkat", sys::symlinkat(target, parent, name));
}

}  // namespace

Result run(Context& c, const wire::step::makeSymlink& s) {
  return make_symlink(c, c.plan.text(s.path), c.plan.text(s.target), Existing::keep);
}

Result run(Context& c, const wire::step::replaceSymlink& s) {
  return make_symlink(c, c.plan.text(s.path), c.plan.text(s.target), Existing::replace);
}

Result run(Context& c, const wire::step::makeSymlinkIf& s) {
  files::Status at;
  if (files::status(AT_FDCWD, c.plan.text(s.needs), 0, &at) < 0) return {};
  return make_symlink(c, c.plan.text(s.path), c.plan.text(s.target), Existing::keep);
}

}  // namespace tsubo
