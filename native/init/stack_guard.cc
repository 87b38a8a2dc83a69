// SPDX-License-Identifier: Apache-2.0
//
// This file is the first in the list of sources: the linker then puts the variable into the first page of data, which
// is in use anyway.
#include "init/stack_guard.h"

#include <linux/auxvec.h>

extern "C" {

// The compiler defines these names.
unsigned long __stack_chk_guard;
[[noreturn]] void __stack_chk_fail() { __builtin_trap(); }

}  // extern "C"

namespace tsubo::init {

[[gnu::no_stack_protector]] void set_stack_guard(const long* stack) {
  // The stack contains the arguments, the environment, and then the pairs of the auxiliary vector.
  const long* at = stack + 1 + stack[0] + 1;
  while (*at++ != 0) {
  }
  for (; at[0] != AT_NULL; at += 2) {
    if (at[0] != AT_RANDOM) continue;
    unsigned long random;
    __builtin_memcpy(&random, reinterpret_cast<const void*>(at[1]), sizeof random);
    // The first byte in memory is zero, because then no text can contain the guard.
    __stack_chk_guard = random & ~0xfful;
  }
}

}  // namespace tsubo::init
