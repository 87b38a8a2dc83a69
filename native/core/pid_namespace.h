// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/detached_mount.h"

namespace tsubo::mounts {

// A procfs of the pid namespace that is still to be entered: only a process in it can make one.
Result make_in_pid_namespace(Context& c, const NewFilesystem& wanted, UniqueFd* mount);

}  // namespace tsubo::mounts
