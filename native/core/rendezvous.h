// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/context.h"

namespace tsubo {

// Waits for the runtime's byte. There is nothing to go on for when the runtime has ended: the init ends too.
void await_word(Context& c);

}  // namespace tsubo
