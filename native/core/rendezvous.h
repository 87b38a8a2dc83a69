// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/context.h"

namespace tsubo {

// Waits for the runtime's byte. There is nothing to go on for when the runtime has ended: the init ends too.
void await_word(Context& c);

// From here on the init finds the runtime's end as the end of the channel, not by a signal: a signal could still come
// after a runtime that did all its work has left. Does nothing the second time.
Result outlive_runtime(Context& c);

}  // namespace tsubo
