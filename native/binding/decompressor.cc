// SPDX-License-Identifier: Apache-2.0
#include "binding/decompressor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "binding/host_program.h"

namespace tsubo::binding {

namespace {

// Size of the pipe, if the limit of the user allows it: the kernel then switches less often between the two processes.
constexpr int kPipeBytes = 1 << 20;
// The most bytes of the error output that `finish` returns.
constexpr size_t kMostMessage = 4096;

}  // namespace

Outcome Decompressor::start(const std::vector<Value>& arguments, int source) {
  std::vector<char*> argv = exec_array(arguments);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return refused("pipe2", errno);
  output_.reset(ends[0]);
  UniqueFd write_end(ends[1]);
  // Refused above the limit of the user: the pipe keeps its size.
  (void)fcntl(output_.get(), F_SETPIPE_SZ, kPipeBytes);
  errors_.reset(memfd_create("tsubo-decompressor", MFD_CLOEXEC));
  if (!errors_.open()) return refused("memfd_create", errno);
  HostProgram program = {.path = argv[0], .args = argv.data()};
  program.fds = {source, write_end.get(), errors_.get()};
  SpawnedProgram spawned;
  if (Outcome failure = spawn(program, &spawned); failure.error != 0) return failure;
  pid_ = spawned.pid;
  return {};
}

Value Decompressor::finish() {
  if (pid_ < 0) return {};
  // A program that still writes ends by SIGPIPE.
  output_.reset();
  const siginfo_t end = await_exit(pid_);
  pid_ = -1;
  const bool ended_here = end.si_code == CLD_KILLED && end.si_status == SIGPIPE;
  if (ended_here || (end.si_code == CLD_EXITED && end.si_status == 0)) return {};
  std::string message(kMostMessage, '\0');
  const ssize_t n = pread(errors_.get(), message.data(), message.size(), 0);
  message.resize(n < 0 ? 0 : static_cast<size_t>(n));
  while (!message.empty() && message.back() == '\n') message.pop_back();
  if (!message.empty()) return Value::text(message);
  const char* how = end.si_code == CLD_EXITED ? "exit status " : "signal ";
  return Value::text(how + std::to_string(end.si_status));
}

Decompressor::~Decompressor() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  await_exit(pid_);
}

}  // namespace tsubo::binding
