// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tsubo::init {

// Sets the guard that the compiler puts behind the arrays of each function. `stack` is the initial stack of the
// process. No function with a guard may be active during the call.
void set_stack_guard(const long* stack);

}  // namespace tsubo::init
