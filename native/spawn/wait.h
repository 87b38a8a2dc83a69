// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/wait.h>

namespace tsubo {

// P_PIDFD of waitid(2). The headers of older C libraries lack it, and linux/wait.h collides with these headers.
inline constexpr idtype_t kPidfd = static_cast<idtype_t>(3);

}  // namespace tsubo
