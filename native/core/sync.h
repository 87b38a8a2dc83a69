// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/context.h"

namespace tsubo {

// Waits for the runtime's byte. Exits if the runtime has exited.
void await_resume(Context& c);

// From here on the init notices the exit of the runtime by the end of the channel, not by a signal. A signal could
// arrive even after a runtime has finished all its work and exited. A second call does nothing.
Result outlive_runtime(Context& c);

}  // namespace tsubo
