// SPDX-License-Identifier: Apache-2.0
//
// First in the list of sources: the linker puts the variable where the first page of data is, which is in use anyway.
#include "init/stack_guard.h"

#include <linux/auxvec.h>

extern "C" {

// The names are the compiler's.
unsigned long __stack_chk_guard;
[[noreturn]] void __stack_chk_fail() { __builtin_trap(); }

}  // extern "C"

namespace tsubo::init {

[[gnu::no_stack_protector]] void set_stack_guard(const long* stack) {
  // The arguments, the environment, and pairs of a type and a value.
  const long* at = stack + 1 + stack[0] + 1;
  while (*at++ != 0) {
  }
  for (; at[0] != AT_NULL; at += 2) {
    if (at[0] != AT_RANDOM) continue;
    unsigned long random;
    __builtin_memcpy(&random, reinterpret_cast<const void*>(at[1]), sizeof random);
    // The first byte in memory is zero, so that no text can contain the guard.
    __stack_chk_guard = random & ~0xfful;
  }
}

}  // namespace tsubo::init
