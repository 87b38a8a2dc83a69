// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/syscall.h"

// The headers of the kernel and of musl define it, those of glibc do not.
#ifndef SA_RESTORER
#define SA_RESTORER 0x04000000
#endif

namespace tsubo {

// The kernel's struct sigaction.
struct SignalAction {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)(int);
  uint64_t mask;
};

[[nodiscard]] inline long set_action(int signal, const SignalAction& action) {
  return sys::call(__NR_rt_sigaction, signal, sys::arg(&action), 0, sizeof action.mask);
}

[[nodiscard]] inline long get_action(int signal, SignalAction* action) {
  return sys::call(__NR_rt_sigaction, signal, 0, sys::arg(action), sizeof action->mask);
}

// Resets the signal to its default action, without a C library. Safe in a child that shares its parent's memory.
[[nodiscard]] inline long reset_signal(int signal) { return set_action(signal, {nullptr, 0, nullptr, 0}); }

inline void end_by_signal(int signal) { sys::exit(128 + signal); }

// The signal ends this process even if it is the first one of a pid namespace, which ignores default actions. The exec
// restores the default action.
[[nodiscard]] inline long end_on(int signal) {
  // Without a restorer x86_64 delivers no signal. It is never called, because the handler does not return.
  return set_action(signal, {end_by_signal, SA_RESTORER, end_by_signal, 0});
}

}  // namespace tsubo
