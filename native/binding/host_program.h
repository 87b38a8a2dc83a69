// SPDX-License-Identifier: Apache-2.0
//
// Spawns programs of the host: hooks, helpers, decompressors, and programs that exchange messages with the runtime.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <vector>

#include "binding/value.h"
#include "core/fd.h"

namespace tsubo::binding {

struct HostProgram {
  const char* path;
  char* const* args;
  // nullptr for the environment of the runtime.
  char* const* env = nullptr;
  // The program gets `fds[i]` as its descriptor `first + i`, keeps those below `first`, and inherits no other.
  int first = 0;
  std::vector<int> fds = {};
  // Whether the kernel kills the program when the runtime dies.
  bool dies_with_runtime = true;
  // Called in the child before it changes its descriptors; nullptr for no call. Returns a negative errno if `*call`
  // failed. The child runs on the memory of the runtime: system calls only, and no C library.
  long (*prepare)(const void* data, const char** call) = nullptr;
  const void* data = nullptr;
};

struct SpawnedProgram {
  pid_t pid = -1;
  UniqueFd pidfd;
};

// Spawns the program and waits for its exec. After an error no process is left, and `*out` is unchanged.
Outcome spawn(const HostProgram& program, SpawnedProgram* out);

// Waits until the process has exited, and reaps it. If it was already reaped, the fields of the result are 0.
siginfo_t await_exit(pid_t pid);

// The texts as an array for execve(2), which ends with null; valid as long as `items`.
std::vector<char*> exec_array(const std::vector<Value>& items);

}  // namespace tsubo::binding
