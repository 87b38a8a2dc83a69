// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tsubo::keeper {

// A call that failed with a negative errno. `syscall` is null if no call failed.
struct Failed {
  const char* syscall;
  long result;
};

// Makes this process independent of the process that created it: a new session, the root as directory, and /dev/null as
// standard streams.
Failed leave_caller();

}  // namespace tsubo::keeper
