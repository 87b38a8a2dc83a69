// SPDX-License-Identifier: Apache-2.0
//
// mount(2): one call where the descriptor-based interface takes seven to eleven, and the only one for what that cannot
// take.
#pragma once

#include "core/detached_mount.h"

namespace tsubo::mounts {

// True when mount(2) has put the new file system on the target; slot 0 is empty then. False when the other interface
// has to do it: where somebody needs the descriptor, and where it was refused, because that one can say which option it
// was.
bool mounted_by_one_call(Context& c, const NewFilesystem& fs, int target);

// fsconfig(2) takes values of at most 255 bytes (lower directories of an overlay can be longer): mount(2) takes a page.
bool fits_fsconfig(Context& c, wire::texts options);
Result mount_by_path(Context& c, const wire::step::mount& s, int target);

}  // namespace tsubo::mounts
