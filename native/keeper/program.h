// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "keeper/loop.h"

namespace tsubo::keeper {

// The program that connects the network of a container without root (pasta). It goes into the background when the
// network works, and its process writes its pid to a file.
class Program {
 public:
  // Starts it and waits until it is in the background. `strings`: the file of the pid, then the arguments, each with a
  // NUL at its end. Returns a negative errno, or the positive wait status of a program that failed.
  long start(const char* strings, uint32_t count, int output);
  // Kills the program. It would not exit after the container, because it is itself a process of the network namespace.
  void end() const;

 private:
  int pid_ = 0;
};

}  // namespace tsubo::keeper
