// SPDX-License-Identifier: Apache-2.0
//
// The child between its clone and the exec of the init. It runs on the runtime's memory, whose locks and heap are in an
// unknown state, and therefore uses no C library: test/native/no-libc.test.ts checks the symbols and headers of
// child.cc.
#pragma once

#include "core/syscall.h"

struct clone_args;

namespace tsubo {

// The data of the child, prepared before the clone.
struct Child {
  // The init is in another user namespace than the runtime.
  bool keep_capabilities;

  int image;
  const int* keep;
  size_t keep_count;
  uint32_t own_fds;  // descriptors below this number are the container's
  const char* argv[3];
  const char* envp[1];
  volatile int error;
  const char* volatile syscall;
};

// Calls clone3 with a separate stack for the child, because it must not change the stack frames that the parent returns
// to. The child executes the init; if that fails, it sets `syscall` and `error` and exits. Returns the pid, or a
// negative errno.
long clone_on_stack(clone_args* args, Child* child);

}  // namespace tsubo
