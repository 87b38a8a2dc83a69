// SPDX-License-Identifier: Apache-2.0
//
// The container's root: it is cloned over itself, the mount steps fill it, and then it becomes `/` by pivot_root.
#include "core/rootfs.h"

#include <linux/errno.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>

#include "core/detached_mount.h"

namespace tsubo {

Result run(Context& c, const wire::step::setMountPropagation& s) {
  text::Path path;
  path.add(c.plan.text(s.path));
  return rootfs::spread_nearest(c, &path, s.flags);
}

namespace {

// Called before any mount of the container exists. /proc must be the root of a procfs: then a path in it that crosses
// no mount is a file of procfs (CVE-2025-52881).
void use_procfs_of_host(Context& c) {
  UniqueFd proc(sys::openat(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  files::Filesystem fs;
  files::Status at;
  if (!proc.open() || files::filesystem(proc.get(), &fs) < 0 || files::status(proc.get(), "", 0, &at) < 0) return;
  if (fs.type == PROC_SUPER_MAGIC && at.inode == kernel::kProcRootInode) c.procfs = proc.release();
}

}  // namespace

namespace rootfs {

void to_parent(text::Path* path) {
  size_t slash = path->size() - 1;
  while (slash > 0 && path->c_str()[slash] != '/') slash--;
  path->truncate(slash);
}

Result spread_nearest(Context& c, text::Path* path, uint64_t flags) {
  while (true) {
    c.about(path->c_str());
    // EINVAL: the path is not a mount point; try its parent.
    long r = sys::mount(nullptr, path->size() > 0 ? path->c_str() : "/", nullptr, flags, nullptr);
    if (r != -EINVAL || path->size() == 0) return check("mount", r);
    to_parent(path);
  }
}

void forget_working_directory(Context& c) {
  if (c.here >= 0) sys::close(c.here);
  c.here = -1;
}

void keep_procfs(Context& c) {
  // In a user namespace the kernel permits a new procfs only while a fully visible one is mounted, therefore it is made
  // while the host's is. If the kernel refuses it (the pid namespace is the host's, or mounts cover parts of the host's
  // procfs), the host's procfs is used.
  if (c.in_user_namespace && files::procfs(c) < 0) use_procfs_of_host(c);
}

Result use_root(Context& c, UniqueFd tree, int place, uint64_t requested) {
  // Set the propagation before the mount is attached, because no mount of the host may propagate into it.
  bool recursive = (requested & MS_REC) != 0, later = false;
  uint64_t propagation = requested & ~uint64_t{MS_REC};
  if (Result r = mounts::spread_detached(tree.get(), propagation, recursive, &later); !r.ok()) return r;
  long r = sys::move_mount(tree.get(), "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
  if (r < 0) return check("move_mount", r);
  sys::close(c.root);
  c.root = tree.release();
  if (later) {
    if (Result m = mounts::set_attributes(c, c.root, 0, 0, propagation, recursive); !m.ok()) return m;
  }
  keep_procfs(c);
  return {};
}

Result take_tree(Context& c, uint64_t slot, UniqueFd* tree) {
  if (slot >= wire::kSlots || c.slots[slot] < 0) return {EBADF, "move_mount"};
  tree->reset(c.slots.take(slot));
  // Check the access now: pivot_root would fail later without the path in its error.
  return check("faccessat2", sys::call(__NR_faccessat2, tree->get(), sys::arg("."), X_OK, AT_EACCESS));
}

Result open_place(Context& c, const char* path, UniqueFd* place) {
  c.about(path);
  sys::OpenHow how = {static_cast<uint64_t>(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), 0, RESOLVE_NO_MAGICLINKS};
  return take(place, "openat2", sys::openat2(AT_FDCWD, path, &how));
}

}  // namespace rootfs

Result run(Context& c, const wire::step::openRoot& s) {
  const char* path = c.plan.text(s.path);
  UniqueFd place, tree;
  if (s.tree != 0) {
    // In a user namespace the init may lack access to the path of the root. It attaches the tree to the host's `/` and
    // pivots from there.
    c.about(path);
    if (Result r = rootfs::take_tree(c, s.tree, &tree); !r.ok()) return r;
    constexpr int kHere = O_PATH | O_DIRECTORY | O_CLOEXEC;
    if (Result r = take(&place, "openat", sys::openat(AT_FDCWD, "/", kHere)); !r.ok()) return r;
  } else {
    if (Result r = rootfs::open_place(c, path, &place); !r.ok()) return r;
    if (Result r = mounts::clone_tree(c, place.get(), "", true, &tree); !r.ok()) return r;
  }
  return rootfs::use_root(c, give(tree), place.get(), s.propagation);
}

Result run(Context& c, const wire::step::pivotRoot&) {
  c.about("/");
  rootfs::forget_working_directory(c);
  UniqueFd old;
  constexpr int kHere = O_PATH | O_DIRECTORY | O_CLOEXEC;
  if (Result r = take(&old, "openat", sys::openat(AT_FDCWD, "/", kHere)); !r.ok()) return r;
  if (long r = sys::fchdir(c.root); r < 0) return check("fchdir", r);
  // Both arguments are the same directory: the old root is stacked over the new one and is then unmounted.
  if (long r = sys::call(__NR_pivot_root, sys::arg("."), sys::arg(".")); r < 0) return check("pivot_root", r);
  if (long r = sys::fchdir(old.get()); r < 0) return check("fchdir", r);
  if (!c.detached_from_host) {
    // Make it a slave first, or the unmount would propagate to the host's mounts.
    if (long r = sys::mount(nullptr, ".", nullptr, MS_SLAVE | MS_REC, nullptr); r < 0) return check("mount", r);
  }
  if (long r = sys::umount2(".", MNT_DETACH); r < 0) return check("umount2", r);
  return check("chdir", sys::chdir("/"));
}

Result run(Context& c, const wire::step::changeRoot& s) {
  rootfs::forget_working_directory(c);
  if (s.slot > 0) {
    if (c.root >= 0) sys::close(c.root);
    c.root = c.slots.take(s.slot);
  }
  c.about("/");
  if (long r = sys::fchdir(c.root); r < 0) return check("fchdir", r);
  if (long r = sys::call(__NR_chroot, sys::arg(".")); r < 0) return check("chroot", r);
  return check("chdir", sys::chdir("/"));
}

Result run(Context& c, const wire::step::setRootPropagation& s) {
  c.about("/");
  return check("mount", sys::mount(nullptr, "/", nullptr, s.flags, nullptr));
}

Result run(Context& c, const wire::step::makeDirectory& s) {
  const char* path = c.plan.text(s.path);
  c.about(path);
  long fd = files::make_in_root(c.root, path, files::Make::directory, static_cast<unsigned>(s.mode));
  if (fd < 0) return check("mkdirat", fd);
  sys::close(static_cast<int>(fd));
  return {};
}

}  // namespace tsubo
