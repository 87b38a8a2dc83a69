// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/syscall.h"

namespace tsubo {

// The signal gets its default action, without a C library: in a child that shares the memory of its parent, too.
inline long reset_signal(int signal) {
  struct {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    uint64_t mask;
  } by_default = {nullptr, 0, nullptr, 0};
  return sys::call(__NR_rt_sigaction, signal, sys::arg(&by_default), 0, 8);
}

}  // namespace tsubo
