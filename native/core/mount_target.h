// SPDX-License-Identifier: Apache-2.0
//
// The target of a mount: a path in the root, resolved once to a descriptor and created if it is missing.
#pragma once

#include <linux/errno.h>
#include <linux/magic.h>

#include "core/detached_mount.h"
#include "core/files.h"
#include "core/kernel.h"

namespace tsubo::mounts {

// A target inside a procfs can be a file that the runtime or the container trusts (CVE-2019-16884). A mount may cover
// only the files that the plan marks as harmless. Only a procfs may cover the root of a procfs.
//
// `brings_proc` sets whether the new mount is a procfs; it is called only if needed.
template <typename BringsProc>
Result guard_proc(Context& c, int target, const char* path, uint64_t flags, BringsProc brings_proc) {
  files::Filesystem fs;
  files::Status at;
  if (long r = files::filesystem(target, &fs); r < 0) return check("fstatfs", r);
  if (fs.type != PROC_SUPER_MAGIC || (flags & wire::kInsideProc) != 0) return {};
  if (long r = files::status(target, "", 0, &at); r < 0) return check("statx", r);
  bool brings = false;
  if (Result r = brings_proc(&brings); !r.ok()) return r;
  if (at.inode == kernel::kProcRootInode && brings) return {};
  c.about(path);
  return {EPERM, "fstatfs"};
}

// Sets whether the mount is a procfs that shows its root.
Result is_procfs(int mount, bool* is);

// Opens the target; a missing one is created as `what`.
Result open_target(Context& c, const char* path, uint64_t flags, files::Make what, UniqueFd* target, bool* existed);

// Opens the target of a mount that is not attached yet: a missing one becomes a directory or a file, like the mount's
// root. Refuses a target in a procfs as guard_proc does, and a mount that must be a procfs and is none.
Result open_target_of(Context& c, int mount, const char* path, uint64_t flags, UniqueFd* target, bool* existed);

}  // namespace tsubo::mounts
