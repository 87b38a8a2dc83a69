// SPDX-License-Identifier: Apache-2.0
//
// The birth of an init, on the runtime's side of the wall.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tsubo {

struct SpawnRequest {
  const uint8_t* plan;
  size_t plan_bytes;
  uint64_t clone_flags;
  int cgroup;         // directory to be born in, or -1
  int pid_namespace;  // to be born in, or -1
  // Namespaces that a helper process joins, in this order, before the init is born from it: those of a container with a
  // user namespace. What is refused (EPERM) is tried again after the others: it may belong to one of them.
  std::vector<int> joins;
  // CLONE_NEW* when `joins` are pidfds, of whose processes these namespaces are joined; else 0.
  int join_kinds;
  uint32_t preserve_fds;
  std::vector<int> fds;
};

struct Spawned {
  int pid;
  int pidfd;
  int channel;
};

struct SpawnFailure {
  const char* syscall = nullptr;  // null: no failure
  int error = 0;
  int join = -1;   // of `joins`, for setns
  int signal = 0;  // that ended the helper, for ECHILD
};

// clone3(2) and, in the child, execveat(2) of the sealed init image. The child shares our memory until then, so nothing
// of ours is copied, however large we are; this thread waits for that moment, every signal blocked.
SpawnFailure spawn(const SpawnRequest& request, Spawned* spawned);

}  // namespace tsubo
