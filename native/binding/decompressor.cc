// SPDX-License-Identifier: Apache-2.0
#include "binding/decompressor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/signals.h"
#include "core/syscall.h"

extern char** environ;

namespace tsubo::binding {

namespace {

// Size of the pipe, if the limit of the user allows it: the kernel then switches less often between the two processes.
constexpr int kPipeBytes = 1 << 20;
// The most bytes of the error output that `finish` returns.
constexpr size_t kMostMessage = 4096;

// Prepared before vfork, because the child runs on the memory of the runtime.
struct Child {
  char* const* arguments;
  int in, out, err;
  pid_t parent;
  volatile int error;
};

[[noreturn]] void fail(Child& child, long result) {
  child.error = static_cast<int>(-result);
  sys::exit(127);
}

// No C library from here to the exec.
[[noreturn, gnu::noinline]] void exec_program(Child& child) {
  for (int signal = 1; signal <= 64; signal++) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    if (long r = reset_signal(signal); r < 0) fail(child, r);
  }
  if (long r = sys::prctl(PR_SET_PDEATHSIG, SIGKILL); r < 0) fail(child, r);
  if (sys::call(__NR_getppid) != child.parent) sys::exit(127);
  long r = sys::call(__NR_dup3, child.in, 0, 0);
  if (r >= 0) r = sys::call(__NR_dup3, child.out, 1, 0);
  if (r >= 0) r = sys::call(__NR_dup3, child.err, 2, 0);
  if (r >= 0) r = sys::close_range(3, ~0u, 0);
  uint64_t none = 0;
  if (r >= 0) r = sys::call(__NR_rt_sigprocmask, SIG_SETMASK, sys::arg(&none), 0, 8);
  if (r >= 0) {
    r = sys::call(__NR_execve, sys::arg(child.arguments[0]), sys::arg(child.arguments), sys::arg(environ));
  }
  fail(child, r);
}

// The caller of `vfork` contains nothing else, because `vfork` returns twice in the same stack frame.
__attribute__((noinline)) pid_t spawn_child(Child* child) {
  pid_t pid = vfork();
  if (pid == 0) exec_program(*child);
  return pid;
}

// dup3 to a standard stream would close a descriptor there before its use.
bool above_stdio(UniqueFd* fd) {
  if (fd->get() > 2) return true;
  fd->reset(fcntl(fd->get(), F_DUPFD_CLOEXEC, 3));
  return fd->open();
}

void collect(pid_t pid, siginfo_t* end) {
  while (waitid(P_PID, static_cast<id_t>(pid), end, WEXITED) < 0 && errno == EINTR) continue;
}

}  // namespace

Outcome Decompressor::start(const std::vector<Value>& arguments, int source) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const Value& argument : arguments) argv.push_back(const_cast<char*>(argument.text().c_str()));
  argv.push_back(nullptr);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return refused("pipe2", errno);
  output_.reset(ends[0]);
  UniqueFd write_end(ends[1]);
  // Refused above the limit of the user: the pipe keeps its size.
  (void)fcntl(output_.get(), F_SETPIPE_SZ, kPipeBytes);
  errors_.reset(memfd_create("tsubo-decompressor", MFD_CLOEXEC));
  if (!errors_.open()) return refused("memfd_create", errno);
  UniqueFd in(fcntl(source, F_DUPFD_CLOEXEC, 3));
  if (!in.open() || !above_stdio(&write_end) || !above_stdio(&errors_)) return refused("fcntl", errno);
  Child child = {argv.data(), in.get(), write_end.get(), errors_.get(), getpid(), 0};
  // A handler of the runtime must not run in the child, on the shared memory.
  uint64_t all = ~0ull, before = 0;
  if (long r = sys::call(__NR_rt_sigprocmask, SIG_SETMASK, sys::arg(&all), sys::arg(&before), 8); r < 0) {
    return refused("rt_sigprocmask", static_cast<int>(-r));
  }
  pid_ = spawn_child(&child);
  const int error = errno;
  // This cannot fail: the same call has just succeeded.
  sys::unchecked(sys::call(__NR_rt_sigprocmask, SIG_SETMASK, sys::arg(&before), 0, 8));
  if (pid_ < 0) return refused("vfork", error);
  if (child.error == 0) return {};
  siginfo_t end = {};
  collect(pid_, &end);
  pid_ = -1;
  return refused("execve", child.error, arguments[0].text());
}

Value Decompressor::finish() {
  if (pid_ < 0) return {};
  // A program that still writes ends by SIGPIPE.
  output_.reset();
  siginfo_t end = {};
  collect(pid_, &end);
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
  siginfo_t end = {};
  collect(pid_, &end);
}

}  // namespace tsubo::binding
