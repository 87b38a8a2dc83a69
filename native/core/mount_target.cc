// SPDX-License-Identifier: Apache-2.0
#include "core/mount_target.h"

#include <linux/openat2.h>

namespace tsubo::mounts {

Result is_procfs(int mount, bool* is) {
  files::Filesystem fs;
  files::Status at;
  if (long r = files::filesystem(mount, &fs); r < 0) return check("fstatfs", r);
  if (long r = files::status(mount, "", 0, &at); r < 0) return check("statx", r);
  *is = fs.type == PROC_SUPER_MAGIC && at.inode == kernel::kProcRootInode;
  return {};
}

Result open_target(Context& c, const char* path, uint64_t flags, files::Make what, UniqueFd* target, bool* existed) {
  c.about(path);
  if (flags & wire::kOrdinaryDirectory) {
    long fd = files::open_in_root(c.root, path, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
    if (fd >= 0) {
      *existed = true;
      target->reset(fd);
      return {};
    }
    if (fd != -ENOENT) return check("openat2", fd);
  }
  long fd = files::make_below_root(c.root, path, what, what == files::Make::directory ? 0755 : 0644, existed);
  if (fd < 0) return check("openat2", fd);
  target->reset(fd);
  return {};
}

Result open_target_of(Context& c, int mount, const char* path, uint64_t flags, UniqueFd* target, bool* existed) {
  files::Status top;
  if (long r = files::status(mount, "", 0, &top); r < 0) return check("statx", r);
  auto brings_proc = [&](bool* brings) { return is_procfs(mount, brings); };
  if ((flags & wire::kSourceIsProc) != 0) {
    bool brings = false;
    if (Result r = brings_proc(&brings); !r.ok()) return r;
    c.about(path);
    if (!brings) return {EPERM, "fstatfs"};
  }
  const files::Make what = top.is(S_IFDIR) ? files::Make::directory : files::Make::file;
  if (Result r = open_target(c, path, flags, what, target, existed); !r.ok()) return r;
  return guard_proc(c, target->get(), path, flags, brings_proc);
}

}  // namespace tsubo::mounts
