// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/context.h"

namespace tsubo {

// Executes the plan. Returns only if a step failed, after the failure was reported to the waiting process.
void execute(Context& c);

}  // namespace tsubo
