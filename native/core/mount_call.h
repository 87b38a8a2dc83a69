// SPDX-License-Identifier: Apache-2.0
//
// mount(2): one call instead of seven to eleven of the descriptor-based interface. It also supports what that interface
// cannot: values longer than 255 bytes.
#pragma once

#include "core/detached_mount.h"

namespace tsubo::mounts {

// Returns true if mount(2) has mounted the new file system on the target; slot 0 is then empty. Returns false if the
// descriptor-based interface must do it: if a later step needs the descriptor, or if mount(2) failed, because that
// interface reports which option was refused.
bool mounted_by_one_call(Context& c, const NewFilesystem& fs, int target);

// fsconfig(2) limits a value to 255 bytes, and the lower directories of an overlay can be longer. mount(2) takes a
// page.
bool fits_fsconfig(Context& c, wire::texts options);
Result mount_by_path(Context& c, const wire::step::mount& s, int target);

}  // namespace tsubo::mounts
