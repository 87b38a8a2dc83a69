// SPDX-License-Identifier: Apache-2.0
//
// Restrictions of the container's root: the read-only root, read-only paths, masked paths.
#include <linux/errno.h>

#include "core/detached_mount.h"

namespace tsubo {

using mounts::attach;
using mounts::clone_tree;

namespace {

Result seal_root(Context& c) { return mounts::set_attributes(c, c.root, MOUNT_ATTR_RDONLY, 0, 0, false); }

}  // namespace

Result run(Context& c, const wire::step::sealRoot&) {
  c.about("/");
  return seal_root(c);
}

Result run(Context& c, const wire::step::readonlyPath& s) {
  const char* path = c.plan.text(s.path);
  c.about(path);
  long fd = files::open_below_root(c.root, path);
  if (fd == -ENOENT || fd == -ENOTDIR) return {};
  // A mount over the root would affect processes that enter later, but not this one.
  if (fd == -EBUSY) return seal_root(c);
  if (fd < 0) return check("openat2", fd);
  UniqueFd target(fd), tree;
  if (Result r = clone_tree(c, target.get(), "", true, &tree); !r.ok()) return r;
  bool later = false;
  if (Result r = mounts::set_detached(tree.get(), MOUNT_ATTR_RDONLY, 0, &later); !r.ok()) return r;
  if (Result r = attach(c, give(tree), target.get(), path); !r.ok()) return r;
  return later ? mounts::set_attributes(c, c.slots[0], MOUNT_ATTR_RDONLY, 0, 0, false) : Result{};
}

namespace {

Result mask_directory(Context& c, int target, const char* path) {
  UniqueFd cover;
  if (c.mask_directory >= 0) {
    // All masks share one super block. The first mask is the source, because some kernels clone only attached mounts.
    if (Result r = clone_tree(c, c.mask_directory, "", false, &cover); !r.ok()) return r;
    return attach(c, give(cover), target, path);
  }
  mounts::NewFilesystem wanted = {"tmpfs", "tmpfs", {}, "ro", MOUNT_ATTR_RDONLY};
  if (Result r = mounts::make_filesystem(c, wanted, &cover); !r.ok()) return r;
  if (Result r = attach(c, give(cover), target, path); !r.ok()) return r;
  c.mask_directory = c.slots.take(0);
  return {};
}

// The source of the mounts that cover masked files, looked up once: the container's null device, or a mask that shows
// the host's.
int null_device(Context& c) {
  if (c.null_device >= 0) return c.null_device;
  UniqueFd own(files::open_in_root(c.root, "/dev/null"));
  if (files::is_null_device(own.get())) c.null_device = own.release();
  return c.null_device;
}

}  // namespace

Result run(Context& c, const wire::step::keepNullDevice&) {
  constexpr const char* kPath = "/dev/null";
  c.about(kPath);
  if (null_device(c) >= 0) return {};
  UniqueFd tree;
  // If the host has no null device either, masking a file fails.
  if (!clone_tree(c, AT_FDCWD, kPath, false, &tree).ok() || !files::is_null_device(tree.get())) return {};
  c.host_null = tree.release();
  return {};
}

Result run(Context& c, const wire::step::maskPath& s) {
  const char* path = c.plan.text(s.path);
  c.about(path);
  long fd = files::open_below_root(c.root, path);
  if (fd == -ENOENT || fd == -ENOTDIR) return {};
  if (fd < 0) return check("openat2", fd);
  UniqueFd target(fd), tree;
  files::Status at;
  if (long r = files::status(target.get(), "", 0, &at); r < 0) return check("statx", r);
  if (at.is(S_IFDIR)) return mask_directory(c, target.get(), path);

  int cover = null_device(c);
  if (cover >= 0) {
    if (Result r = clone_tree(c, cover, "", false, &tree); !r.ok()) return r;
    return attach(c, give(tree), target.get(), path);
  }
  if (c.host_null < 0) return {ENODEV, "open_tree"};
  // Some kernels clone only attached mounts: the first mask is the clone of the host's device itself, and later masks
  // are cloned from it.
  UniqueFd first(c.host_null);
  c.host_null = -1;
  if (Result r = attach(c, give(first), target.get(), path); !r.ok()) return r;
  c.null_device = c.slots.take(0);
  return {};
}

}  // namespace tsubo
