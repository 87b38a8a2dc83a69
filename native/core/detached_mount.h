// SPDX-License-Identifier: Apache-2.0
//
// Detached mounts: each is created or cloned, gets its attributes, and is then attached to a target.
#pragma once

#include "core/files.h"
#include "core/kernel.h"

namespace tsubo::mounts {

// Converts MOUNT_ATTR_* to MS_* of mount(2).
unsigned long mount_flags(uint64_t attributes);

// Returns the current MOUNT_ATTR_* of a mount, limited to those that the kernel can lock.
Result attributes_of(int fd, uint64_t* attributes);

// Calls mount_setattr(2). On kernels without it, remounts with mount(2), which requires an attached mount.
Result set_attributes(Context& c, int fd, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive);

// Like set_attributes, for a mount that is still detached. `later` is set if this kernel requires an attached mount.
Result set_detached(int fd, uint64_t set, uint64_t clear, bool* later);

// Changes the attributes of a detached clone. If the kernel refuses to clear locked attributes, those that are not in
// `insist` remain set. `later` is that of set_detached.
Result change_clone(int tree, uint64_t set, uint64_t clear, uint64_t insist, bool* later);

// Like set_detached, for a propagation (MS_PRIVATE, ...; 0 for none).
Result spread_detached(int fd, uint64_t propagation, bool recursive, bool* later);

// Passes one option, `key` or `key=value`, to a file system that is being made.
Result configure(int fs, const char* option);
// Appends the message of that file system to the detail: it explains a failure better than the error number.
void read_log(Context& c, int fs);

// `extra` is an additional option, or empty.
struct NewFilesystem {
  const char* type;
  const char* source;
  wire::texts options;
  const char* extra;
  uint64_t attributes;
};
Result make_filesystem(Context& c, const NewFilesystem& wanted, UniqueFd* mount);

// Clones the mount at `path`, or at the descriptor if the path is empty; with `recursive`, the whole tree.
Result clone_tree(Context& c, int dir, const char* path, bool recursive, UniqueFd* tree);

// Attaches the mount to the target and puts its descriptor into slot 0.
Result attach(Context& c, UniqueFd mount, int target, const char* path);

// Calls `use` with a path that names the descriptor, for calls that take no descriptor. The path is relative: the
// procfs of the init is the working directory during the call.
template <typename Use>
Result at_descriptor(Context& c, int fd, Use use) {
  long proc = files::procfs(c);
  if (proc < 0) return check("fsmount", proc);
  // If the old directory cannot be opened, the init does not return to it.
  UniqueFd here(sys::openat(AT_FDCWD, ".", O_PATH | O_CLOEXEC));
  if (long r = sys::fchdir(static_cast<int>(proc)); r < 0) return check("fchdir", r);
  text::Buffer<40> path;
  path.add("self/fd/").add_number(static_cast<unsigned>(fd));
  Result result = use(path.c_str());
  if (here.open() && result.ok()) result = check("fchdir", sys::fchdir(here.get()));
  return result;
}

}  // namespace tsubo::mounts
