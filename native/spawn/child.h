// SPDX-License-Identifier: Apache-2.0
//
// The child between its clone and the exec of the init, or of the keeper. It runs on the runtime's memory, whose locks
// and heap are in an unknown state, and therefore uses no C library: test/native/no-libc.test.ts checks the symbols and
// headers of child.cc.
#pragma once

#include "core/syscall.h"

struct clone_args;

namespace tsubo {

// The data of the child, prepared before the clone.
struct Child {
  // The init is in another user namespace than the runtime.
  bool keep_capabilities;
  // Arguments of a second clone, with a stack of its own, or null. The child then exits, and the image is executed by a
  // process that is not a child of the runtime.
  clone_args* again;

  int image;
  const int* keep;
  size_t keep_count;
  uint32_t own_fds;  // descriptors below this number are the container's
  // The descriptors that become 0, 1 and 2; -1 keeps the caller's. A descriptor below 3 is passed as a copy above 2,
  // because the dup3 for another stream could overwrite it first.
  int standard[3] = {-1, -1, -1};
  const char* argv[3];
  const char* envp[1];
  volatile int error;
  const char* volatile syscall;
};

// Calls clone3 with a separate stack for the child, because it must not change the stack frames that the parent returns
// to. The child executes the image; if that fails, it sets `syscall` and `error` and exits. Returns the pid, or a
// negative errno.
long clone_on_stack(clone_args* args, Child* child);

}  // namespace tsubo
