// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/detached_mount.h"

namespace tsubo::mounts {

// Makes a procfs of the pid namespace that remains to be joined: only a process in that namespace can make one.
Result make_in_pid_namespace(Context& c, const NewFilesystem& wanted, UniqueFd* mount);

}  // namespace tsubo::mounts
