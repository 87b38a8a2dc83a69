// SPDX-License-Identifier: Apache-2.0
//
// Mounts that are not in the tree yet: made or cloned, given their attributes, then put on a target.
#pragma once

#include <linux/mount.h>

#include "core/files.h"

namespace tsubo::mounts {

// MS_* of MOUNT_ATTR_*, for mount(2).
unsigned long mount_flags(uint64_t attributes);
inline constexpr unsigned long kMsRdonly = 1;

// The MOUNT_ATTR_* a mount has now, of those that can be locked.
Result attributes_of(int fd, uint64_t* attributes);

// mount_setattr(2), with mount(2) in its place on kernels that lack it; there the mount must be attached already.
Result set_attributes(Context& c, int fd, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive);

// As set_attributes on a mount that is still detached. `later` says that this kernel can do it only when attached.
Result set_detached(int fd, uint64_t set, uint64_t clear, bool* later);

// The same for a propagation (MS_PRIVATE, ...; 0: none).
Result spread_detached(int fd, uint64_t propagation, bool recursive, bool* later);

// `extra` is one more option, or empty.
struct NewFilesystem {
  const char* type;
  const char* source;
  wire::texts options;
  const char* extra;
  uint64_t attributes;
};
Result make_filesystem(Context& c, const NewFilesystem& wanted, UniqueFd* mount);

// A clone of the mount at `path` (the descriptor itself when empty), with `recursive` of the tree.
Result clone_tree(Context& c, int dir, const char* path, bool recursive, UniqueFd* tree);

// Puts the mount on the target and leaves it in slot 0.
Result attach(Context& c, UniqueFd mount, int target, const char* path);

// Calls `use` with a path that names the descriptor: relative, through our own procfs, which becomes the working
// directory meanwhile. For calls that take no descriptor.
template <typename Use>
Result at_descriptor(Context& c, int fd, Use use) {
  long proc = files::procfs(c);
  if (proc < 0) return check("fsmount", proc);
  // One that cannot be opened is one that we are not to come back to.
  UniqueFd here(sys::openat(sys::kCwd, ".", files::kPathOnly | files::kCloexec));
  if (long r = sys::fchdir(static_cast<int>(proc)); r < 0) return check("fchdir", r);
  text::Buffer<40> path;
  path.add("self/fd/").add_number(static_cast<unsigned>(fd));
  Result result = use(path.c_str());
  if (here.open() && result.ok()) result = check("fchdir", sys::fchdir(here.get()));
  return result;
}

}  // namespace tsubo::mounts
