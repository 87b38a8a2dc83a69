// SPDX-License-Identifier: Apache-2.0
#include "core/detached_mount.h"

#include <linux/errno.h>

namespace tsubo::mounts {

namespace {

// Linux before 5.12 has no mount_setattr: remount the attached mount by its path in the procfs of the init.
Result set_by_remount(Context& c, int fd, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive) {
  return at_descriptor(c, fd, [&](const char* path) -> Result {
    if (set != 0 || clear != 0) {
      // A remount changes only the top of a tree. A request for the whole tree is refused, not half done.
      if (recursive) return {ENOSYS, "mount_setattr"};
      uint64_t wanted = 0;
      if (Result read = attributes_of(fd, &wanted); !read.ok()) return read;
      wanted = (wanted & ~clear) | set;
      long r = sys::mount(nullptr, path, nullptr, MS_REMOUNT | MS_BIND | mount_flags(wanted), nullptr);
      if (r < 0) return check("mount", r);
    }
    if (propagation == 0) return {};
    return check("mount", sys::mount(nullptr, path, nullptr, propagation | (recursive ? MS_REC : 0), nullptr));
  });
}

// For a directory on a file, or a file on a directory, move_mount(2) fails with EINVAL. mount(2) fails with ENOTDIR,
// which engines expect.
bool differ_in_type(int mount, int target) {
  files::Status top, place;
  return files::status(mount, "", 0, &top) == 0 && files::status(target, "", 0, &place) == 0 &&
         top.is(S_IFDIR) != place.is(S_IFDIR);
}

}  // namespace

unsigned long mount_flags(uint64_t attributes) {
  unsigned long flags = 0;
  if (attributes & MOUNT_ATTR_RDONLY) flags |= MS_RDONLY;
  if (attributes & MOUNT_ATTR_NOSUID) flags |= MS_NOSUID;
  if (attributes & MOUNT_ATTR_NODEV) flags |= MS_NODEV;
  if (attributes & MOUNT_ATTR_NOEXEC) flags |= MS_NOEXEC;
  if (attributes & MOUNT_ATTR_NODIRATIME) flags |= MS_NODIRATIME;
  if (attributes & MOUNT_ATTR_NOSYMFOLLOW) flags |= MS_NOSYMFOLLOW;
  if ((attributes & MOUNT_ATTR__ATIME) == MOUNT_ATTR_NOATIME) flags |= MS_NOATIME;
  if ((attributes & MOUNT_ATTR__ATIME) == MOUNT_ATTR_STRICTATIME) flags |= MS_STRICTATIME;
  return flags;
}

Result attributes_of(int fd, uint64_t* found) {
  files::Filesystem fs;
  if (long r = files::filesystem(fd, &fs); r < 0) return check("fstatfs", r);
  uint64_t attributes = 0;
  if (fs.flags & ST_RDONLY) attributes |= MOUNT_ATTR_RDONLY;
  if (fs.flags & ST_NOSUID) attributes |= MOUNT_ATTR_NOSUID;
  if (fs.flags & ST_NODEV) attributes |= MOUNT_ATTR_NODEV;
  if (fs.flags & ST_NOEXEC) attributes |= MOUNT_ATTR_NOEXEC;
  if (fs.flags & ST_NOATIME) attributes |= MOUNT_ATTR_NOATIME;
  if (fs.flags & ST_NODIRATIME) attributes |= MOUNT_ATTR_NODIRATIME;
  *found = attributes;
  return {};
}

Result set_attributes(Context& c, int fd, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive) {
  sys::MountAttr attr = {set, clear, propagation, 0};
  unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  long r = sys::mount_setattr(fd, "", flags, &attr);
  if (r == -ENOSYS) return set_by_remount(c, fd, set, clear, propagation, recursive);
  return check("mount_setattr", r);
}

namespace {

Result set_if_supported(int fd, const sys::MountAttr& attr, bool recursive, bool* later) {
  unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  long r = sys::mount_setattr(fd, "", flags, &attr);
  *later = r == -ENOSYS;
  return *later ? Result{} : check("mount_setattr", r);
}

}  // namespace

Result set_detached(int fd, uint64_t set, uint64_t clear, bool* later) {
  return set_if_supported(fd, {set, clear, 0, 0}, false, later);
}

Result change_clone(int tree, uint64_t set, uint64_t clear, uint64_t insist, bool* later) {
  if (set == 0 && clear == 0) return {};
  Result r = set_detached(tree, set, clear, later);
  if (r.error != EPERM) return r;
  // Attributes of a mount from a more privileged mount namespace are locked. It is safe to keep them, but an attribute
  // that the config names must not be dropped silently.
  uint64_t locked = 0;
  if (Result read = attributes_of(tree, &locked); !read.ok()) return read;
  locked &= clear;
  if ((locked & insist) != 0) return r;
  return set_detached(tree, set, clear & ~locked, later);
}

Result spread_detached(int fd, uint64_t propagation, bool recursive, bool* later) {
  return propagation == 0 ? Result{} : set_if_supported(fd, {0, 0, propagation, 0}, recursive, later);
}

Result attach(Context& c, UniqueFd mount, int target, const char* path) {
  c.about(path);
  long r = sys::move_mount(mount.get(), "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
  if (r == -EINVAL && differ_in_type(mount.get(), target)) r = -ENOTDIR;
  if (r < 0) return check("move_mount", r);
  c.slots.put(0, mount.release());
  return {};
}

void read_log(Context& c, int fs) {
  char message[300];
  long n = sys::read(fs, message, sizeof message);
  if (n <= 2) return;
  if (message[n - 1] == '\n') n--;
  c.detail.add(c.detail.size() > 0 ? ": " : "").add(message + 2, static_cast<size_t>(n - 2));  // after the prefix "e "
}

Result configure(int fs, const char* option) {
  const char* equals = text::find(option, '=');
  if (equals == nullptr) return check("fsconfig", sys::fsconfig(fs, FSCONFIG_SET_FLAG, option, nullptr, 0));
  text::Buffer<256> key;
  key.add(option, static_cast<size_t>(equals - option));
  if (key.overflowed()) return {EINVAL, "fsconfig"};
  return check("fsconfig", sys::fsconfig(fs, FSCONFIG_SET_STRING, key.c_str(), equals + 1, 0));
}

Result make_filesystem(Context& c, const NewFilesystem& wanted, UniqueFd* mount) {
  UniqueFd fs;
  {
    long fd = sys::fsopen(wanted.type, FSOPEN_CLOEXEC);
    if (fd < 0) {
      c.about(wanted.type);
      return check("fsopen", fd);
    }
    fs.reset(fd);
  }
  Result r;
  if (*wanted.source != '\0')
    r = check("fsconfig", sys::fsconfig(fs.get(), FSCONFIG_SET_STRING, "source", wanted.source, 0));
  for (uint32_t i = 0; r.ok() && i < wanted.options.count; i++) {
    const char* option = c.plan.text(wanted.options, i);
    c.about(option);
    c.item = i + 1;
    r = configure(fs.get(), option);
  }
  if (r.ok()) c.item = 0;
  if (r.ok() && *wanted.extra != '\0') r = configure(fs.get(), wanted.extra);
  if (r.ok()) {
    c.about(wanted.source);
    r = check("fsconfig", sys::fsconfig(fs.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0));
  }
  if (!r.ok()) {
    read_log(c, fs.get());
    return r;
  }
  long fd = sys::fsmount(fs.get(), FSMOUNT_CLOEXEC, wanted.attributes);
  if (fd < 0) return check("fsmount", fd);
  mount->reset(fd);
  return {};
}

Result clone_tree(Context& c, int dir, const char* path, bool recursive, UniqueFd* tree) {
  unsigned flags =
      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0) | (*path == '\0' ? AT_EMPTY_PATH : 0);
  long fd = sys::open_tree(dir, path, flags);
  if (fd < 0) {
    if (*path != '\0') c.about(path);
    return check("open_tree", fd);
  }
  tree->reset(fd);
  return {};
}

}  // namespace tsubo::mounts
