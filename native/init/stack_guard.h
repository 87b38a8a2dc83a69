// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tsubo::init {

// Chooses the guard that the compiler puts behind the arrays of each function. `stack` is the stack of a program that
// starts. No function that has such a guard may be active.
void set_stack_guard(const long* stack);

}  // namespace tsubo::init
