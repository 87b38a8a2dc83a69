// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wire/plan.h"

namespace tsubo {

// Joins the namespaces in the boot block, enters the root if there is one, and clones the init from there: no process
// of the pid namespace sees the init with the host's root. Returns only in the init, which is a child of the caller's
// parent.
//
// A separate process, which has already called exec, does this: in the joined pid namespace other processes may trace
// the init, and until its exec it would run on the runtime's memory. CAP_SYS_PTRACE in the runtime's own user namespace
// overrides the dumpable flag (CVE-2016-9962 is a milder form).
void join_and_clone_init(const wire::Boot& boot);

// Clones a child of the caller's parent, reports its pid to the runtime before the child continues, and exits. Returns
// in the child, with 0 or a negative errno, or in the caller if the clone failed; `refused` names the call.
long clone_sibling(int channel, uint64_t flags, const char** refused);

}  // namespace tsubo
