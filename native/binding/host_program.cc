// SPDX-License-Identifier: Apache-2.0
#include "binding/host_program.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/signals.h"
#include "core/syscall.h"

extern char** environ;

namespace tsubo::binding {

namespace {

// The data of the child, made before vfork because the child runs on the memory of the runtime.
struct Child {
  const HostProgram& program;
  char* const* env;
  const int* fds;
  int count;
  pid_t parent;
  const char* volatile call;
  volatile int error;
};

[[noreturn]] void fail(Child& child, const char* call, long result) {
  child.call = call;
  child.error = static_cast<int>(-result);
  sys::exit(127);
}

void require(Child& child, const char* call, long result) {
  if (result < 0) fail(child, call, result);
}

// No C library from here to the exec, because the child shares its state with the parent.
[[noreturn, gnu::noinline]] void exec_program(Child& child) {
  const HostProgram& program = child.program;
  for (int signal = 1; signal <= 64; signal++) {
    // The actions of SIGKILL and SIGSTOP cannot be changed.
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    require(child, "rt_sigaction", reset_signal(signal));
  }
  if (program.dies_with_runtime) {
    require(child, "prctl", sys::prctl(PR_SET_PDEATHSIG, SIGKILL));
    // The runtime has died before the prctl.
    if (sys::call(__NR_getppid) != child.parent) sys::exit(127);
  }
  if (program.prepare != nullptr) {
    const char* call = "";
    long result = program.prepare(program.data, &call);
    require(child, call, result);
  }
  for (int i = 0; i < child.count; i++) {
    require(child, "dup3", sys::call(__NR_dup3, child.fds[i], program.first + i, 0));
  }
  require(child, "close_range", sys::close_range(static_cast<unsigned>(program.first + child.count), ~0u, 0));
  // Node sets close-on-exec on its standard streams. The caller may have closed one: EBADF.
  for (int fd = 0; fd < program.first; fd++) {
    if (long set = sys::call(__NR_fcntl, fd, F_SETFD, 0); set != -EBADF) require(child, "fcntl", set);
  }
  uint64_t none = 0;
  require(child, "rt_sigprocmask", sys::call(__NR_rt_sigprocmask, SIG_SETMASK, sys::arg(&none), 0, 8));
  fail(child, "execve", sys::call(__NR_execve, sys::arg(program.path), sys::arg(program.args), sys::arg(child.env)));
}

// The caller of `vfork` contains nothing else, because `vfork` returns twice in the same stack frame.
__attribute__((noinline)) pid_t spawn_child(Child* child) {
  pid_t pid = vfork();
  if (pid == 0) exec_program(*child);
  return pid;
}

}  // namespace

Outcome spawn(const HostProgram& program, SpawnedProgram* out) {
  // dup3 closes a descriptor that is in the place of a new one: such descriptors are moved before.
  std::vector<int> fds = program.fds;
  std::vector<UniqueFd> moved;
  const int end = program.first + static_cast<int>(fds.size());
  for (int& fd : fds) {
    if (fd >= end) continue;
    moved.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, end));
    if (!moved.back().open()) return refused("fcntl", errno);
    fd = moved.back().get();
  }
  Child child = {
      program, program.env == nullptr ? environ : program.env, fds.data(), static_cast<int>(fds.size()), getpid(), "",
      0};
  // A handler of the runtime must not run in the child, on the shared memory.
  uint64_t all = ~0ull, before = 0;
  if (long blocked = sys::call(__NR_rt_sigprocmask, SIG_SETMASK, sys::arg(&all), sys::arg(&before), 8); blocked < 0)
    return refused("rt_sigprocmask", static_cast<int>(-blocked));
  const pid_t pid = spawn_child(&child);
  const int vfork_error = errno;
  // This cannot fail: the same call has just succeeded.
  sys::unchecked(sys::call(__NR_rt_sigprocmask, SIG_SETMASK, sys::arg(&before), 0, 8));
  if (pid < 0) return refused("vfork", vfork_error);
  if (child.error != 0) {
    await_exit(pid);
    return refused(child.call, child.error, program.path);
  }
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd.open()) {
    const int error = errno;
    kill(pid, SIGKILL);
    await_exit(pid);
    return refused("pidfd_open", error);
  }
  out->pid = pid;
  out->pidfd.reset(pidfd.release());
  return {};
}

siginfo_t await_exit(pid_t pid) {
  siginfo_t end = {};
  while (waitid(P_PID, static_cast<id_t>(pid), &end, WEXITED) < 0 && errno == EINTR) continue;
  return end;
}

std::vector<char*> exec_array(const std::vector<Value>& items) {
  std::vector<char*> out;
  out.reserve(items.size() + 1);
  for (const Value& item : items) out.push_back(const_cast<char*>(item.text().c_str()));
  out.push_back(nullptr);
  return out;
}

}  // namespace tsubo::binding
