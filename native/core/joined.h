// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wire/plan.h"

namespace tsubo {

// Joins what the boot block names and has the init born from there: returns in the init alone, the child of our parent.
//
// By a process of its own that has executed already: where the init is born, others may be who can trace it, and until
// its exec it would run on the runtime's memory. CAP_SYS_PTRACE in the runtime's own user namespace passes over that
// being not dumpable (CVE-2016-9962 is the milder form).
void become_init_in_joined(const wire::Boot& boot);

// Clones a child of our parent, which the runtime is told of before the child goes on; this process ends. Returns in
// the child (0, or a negative errno of what could not be set in it), or when it could not be made: `refused` names the
// call.
long continue_as_sibling(int channel, uint64_t flags, const char** refused);

}  // namespace tsubo
