// SPDX-License-Identifier: Apache-2.0
//
// Spawns the init; this is the runtime's side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tsubo {

struct SpawnRequest {
  const uint8_t* plan;
  size_t plan_bytes;
  uint64_t clone_flags;
  int cgroup;         // directory of the cgroup to clone into, or -1
  int pid_namespace;  // namespace of the new init, or -1
  // The namespaces that a helper process joins, in this order, before it clones the init; used for a container with a
  // user namespace. A namespace that fails with EPERM is retried after the others, because it may belong to one of
  // them.
  std::vector<int> joins;
  // CLONE_NEW* if `joins` are pidfds: these namespaces of their processes are joined. Otherwise 0.
  int join_kinds;
  // The slot of a directory that becomes the root before the init is cloned in `joins`, or 0.
  uint32_t root_slot;
  uint32_t preserve_fds;
  std::vector<int> fds;
  // The descriptors that become standard input, output and error. Empty: those of this process.
  std::vector<int> standard;
};

struct Spawned {
  int pid;
  int pidfd;
  int channel;
};

struct SpawnFailure {
  const char* syscall = nullptr;  // null: no failure
  int error = 0;
  int join = -1;   // index in `joins`, for setns
  int signal = 0;  // the signal that killed the helper, for ECHILD
};

// Calls clone3(2) and, in the child, execveat(2) of the sealed init image. The child shares the runtime's memory until
// the exec, therefore nothing is copied, however large the runtime is. This thread waits for the exec with every signal
// blocked.
SpawnFailure spawn(const SpawnRequest& request, Spawned* spawned);

}  // namespace tsubo
