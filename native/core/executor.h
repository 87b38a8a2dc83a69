// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/context.h"

namespace tsubo {

// Walks the plan. Comes back only when a step failed, which has then been reported to whoever waits.
void execute(Context& c);

}  // namespace tsubo
