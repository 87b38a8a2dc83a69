// SPDX-License-Identifier: Apache-2.0
//
// Programs of the host in the runtime's namespaces. Hooks: the runtime spawns the program, gives it the state, reads
// its output and waits for it. Helpers: the program has the runtime's standard streams, and returns a result on
// descriptor 3.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "binding/interrupt.h"
#include "binding/table.h"
#include "binding/write_to_end.h"
#include "core/fd.h"
#include "core/signals.h"
#include "core/syscall.h"

extern char** environ;

namespace tsubo::binding {

namespace {

// The number of bytes kept of each output, unless the caller requests more: the last ones, which usually contain the
// error message.
constexpr size_t kKept = 4096;
// The descriptor on which a helper returns its result, and its greatest length.
constexpr int kResult = 3;
constexpr size_t kLongestResult = 1 << 20;
// The time limit for the exit of a hook after SIGKILL.
constexpr int64_t kKillMs = 10'000;

// One output of a hook, or the result of a helper. Reads are non-blocking, and only the end is kept.
struct Output {
  UniqueFd read_end, write_end;
  std::string text;
  size_t kept = kKept;

  bool open() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return false;
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
    return fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
  }
  void drain() {
    char piece[4096];
    ssize_t n;
    while ((n = ::read(read_end.get(), piece, sizeof piece)) > 0 || (n < 0 && errno == EINTR)) {
      if (n < 0) continue;
      text.append(piece, static_cast<size_t>(n));
      if (text.size() > kept) text.erase(0, text.size() - kept);
    }
    if (n == 0) read_end.reset();
  }
};

// The data of the child, prepared before vfork because the child runs on the runtime's memory.
struct Child {
  const char* path;
  char* const* args;
  char* const* env;
  const char* directory;
  int in, out, err;
  // Descriptor 3 of a helper, which keeps the runtime's standard streams and working directory; -1 for a hook.
  int result;
  pid_t parent;
  volatile int error;
};

// The texts as an array for execve(2), which ends with null.
std::vector<char*> pointers(const std::vector<Value>& items) {
  std::vector<char*> out;
  out.reserve(items.size() + 1);
  for (const Value& item : items) out.push_back(const_cast<char*>(item.text().c_str()));
  out.push_back(nullptr);
  return out;
}

[[noreturn]] void fail(Child& child, long result) {
  child.error = static_cast<int>(-result);
  sys::exit(127);
}

// No C library from here to the exec, because the child shares its state with the parent.
[[noreturn, gnu::noinline]] void exec_program(Child& child) {
  for (int signal = 1; signal <= 64; signal++) {
    // The actions of SIGKILL and SIGSTOP cannot be changed.
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    if (long r = reset_signal(signal); r < 0) fail(child, r);
  }
  // If the runtime is killed, the program is killed too.
  if (long r = sys::prctl(PR_SET_PDEATHSIG, SIGKILL); r < 0) fail(child, r);
  if (sys::call(__NR_getppid) != child.parent) sys::exit(127);
  long r;
  // The program must not inherit the other descriptors of the runtime's caller.
  if (child.result >= 0) {
    r = sys::call(__NR_dup3, child.result, kResult, 0);
    if (r >= 0) r = sys::close_range(kResult + 1, ~0u, 0);
    // Node sets close-on-exec on its standard streams. The caller may have closed one: EBADF.
    for (int fd = 0; fd < kResult && r >= 0; fd++) {
      if (long set = sys::call(__NR_fcntl, fd, F_SETFD, 0); set < 0 && set != -EBADF) r = set;
    }
  } else {
    r = sys::call(__NR_dup3, child.in, 0, 0);
    if (r >= 0) r = sys::call(__NR_dup3, child.out, 1, 0);
    if (r >= 0) r = sys::call(__NR_dup3, child.err, 2, 0);
    if (r >= 0) r = sys::close_range(3, ~0u, 0);
    if (r >= 0) {
      // The bundle may be removed before its container is deleted.
      r = sys::chdir(child.directory);
      if (r < 0) r = sys::chdir("/");
    }
  }
  uint64_t none = 0;
  if (r >= 0) r = sys::call(__NR_rt_sigprocmask, SIG_SETMASK, sys::arg(&none), 0, 8);
  if (r >= 0) {
    r = sys::call(__NR_execve, sys::arg(child.path), sys::arg(child.args), sys::arg(child.env));
  }
  fail(child, r);
}

// Moves a descriptor of the child above those that it gets with dup3, which would close it before its use.
bool above(int highest, UniqueFd* fd) {
  if (fd->get() > highest) return true;
  int moved = fcntl(fd->get(), F_DUPFD_CLOEXEC, highest + 1);
  fd->reset(moved);
  return moved >= 0;
}

// The caller of `vfork` contains nothing else, because `vfork` returns twice in the same stack frame.
__attribute__((noinline)) pid_t spawn_child(Child* child) {
  pid_t pid = vfork();
  if (pid == 0) exec_program(*child);
  return pid;
}

int64_t now_ms() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<int64_t>(t.tv_sec) * 1000 + t.tv_nsec / 1'000'000;
}

siginfo_t collect(pid_t pid) {
  siginfo_t end = {};
  while (waitid(P_PID, static_cast<id_t>(pid), &end, WEXITED) < 0 && errno == EINTR) {
  }
  return end;
}

// Spawns the child and waits for its exec.
Outcome spawn(Child* child, pid_t* pid, UniqueFd* pidfd) {
  // A handler of the runtime must not run in the child, on the shared memory.
  uint64_t all = ~0ull, before = 0;
  if (long blocked = sys::call(__NR_rt_sigprocmask, SIG_SETMASK, sys::arg(&all), sys::arg(&before), 8); blocked < 0)
    return refused("rt_sigprocmask", static_cast<int>(-blocked));
  *pid = spawn_child(child);
  int vfork_error = errno;
  // This cannot fail: the same call has just succeeded.
  sys::unchecked(sys::call(__NR_rt_sigprocmask, SIG_SETMASK, sys::arg(&before), 0, 8));
  if (*pid < 0) return refused("vfork", vfork_error);
  if (child->error != 0) {
    collect(*pid);
    return refused("execve", child->error, child->path);
  }
  pidfd->reset(static_cast<int>(syscall(SYS_pidfd_open, *pid, 0)));
  if (pidfd->get() >= 0) return {};
  int error = errno;
  kill(*pid, SIGKILL);
  collect(*pid);
  return refused("pidfd_open", error);
}

enum class Waited { ended, late, refused };

// Waits until the process of `pidfd` has exited, or until `deadline` (in milliseconds; negative for none).
Waited await_end(int pidfd, Output* out, Output* err, int64_t deadline) {
  while (true) {
    int64_t left = deadline < 0 ? -1 : deadline - now_ms();
    if (deadline >= 0 && left < 0) left = 0;
    // The descriptor of a closed output is -1, which poll ignores.
    pollfd watched[] = {{pidfd, POLLIN, 0}, {out->read_end.get(), POLLIN, 0}, {err->read_end.get(), POLLIN, 0}};
    int n = poll(watched, 3, left > 1'000'000'000 ? 1'000'000'000 : static_cast<int>(left));
    if (n < 0 && !call_again(Wait::hook)) return Waited::refused;
    if (n > 0 && watched[1].revents != 0) out->drain();
    if (n > 0 && watched[2].revents != 0) err->drain();
    if (n > 0 && watched[0].revents != 0) return Waited::ended;
    if (deadline >= 0 && now_ms() >= deadline) return Waited::late;
  }
}

}  // namespace

namespace function {

Outcome runHook(const Arguments& a) {
  const Value& r = a[0];
  const std::string &path = r.field("path").text(), &input = r.field("input").text();
  std::vector<char*> args = pointers(r.field("args").items()), env = pointers(r.field("env").items());

  // The state is a file, not a pipe: a hook that does not read it blocks no process, however long the state is.
  UniqueFd state;
  Output out, err;
  state.reset(memfd_create("tsubo-state", MFD_CLOEXEC));
  if (state.get() < 0) return refused("memfd_create", errno);
  if (int error = write_to_end(state.get(), input); error != 0) return refused("write", error);
  if (lseek(state.get(), 0, SEEK_SET) < 0) return refused("lseek", errno);
  if (int64_t keep = r.field("keep").number(); keep > 0) out.kept = static_cast<size_t>(keep);
  if (!out.open() || !err.open()) return refused("pipe2", errno);
  if (!above(2, &state) || !above(2, &out.write_end) || !above(2, &err.write_end)) return refused("fcntl", errno);

  Child child = {path.c_str(),
                 args.data(),
                 r.field("env").is_undefined() ? environ : env.data(),
                 r.field("directory").text().c_str(),
                 state.get(),
                 out.write_end.get(),
                 err.write_end.get(),
                 -1,
                 getpid(),
                 0};
  UniqueFd pidfd;
  pid_t pid = -1;
  if (Outcome failure = spawn(&child, &pid, &pidfd); failure.error != 0) return failure;
  out.write_end.reset();
  err.write_end.reset();
  int64_t timeout = r.field("timeoutMs").number();
  Waited waited = await_end(pidfd.get(), &out, &err, timeout < 0 ? -1 : now_ms() + timeout);
  const int poll_error = errno;
  const bool late = waited == Waited::late;
  if (waited != Waited::ended) {
    // ESRCH: the hook has just exited.
    if (syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0) < 0 && errno != ESRCH)
      return refused("pidfd_send_signal", errno, path);
    if (waited == Waited::refused) {
      collect(pid);
      return refused("poll", poll_error, path);
    }
    waited = await_end(pidfd.get(), &out, &err, now_ms() + kKillMs);
  }
  siginfo_t end = {};
  if (waited == Waited::ended) end = collect(pid);
  // Reads the rest of the output without a wait for end of file: a process that the hook left may hold the pipes open.
  out.drain();
  err.drain();
  bool exited = end.si_code == CLD_EXITED;
  return Value::record({{exited ? "code" : "signal", Value::number(end.si_status)},
                        {"timedOut", Value::boolean(late)},
                        {"stdout", Value::text(out.text)},
                        {"stderr", Value::text(err.text)}});
}

Outcome runHelper(const Arguments& a) {
  const Value& r = a[0];
  const std::string& path = r.field("path").text();
  std::vector<char*> args = pointers(r.field("args").items());
  Output result, none;
  result.kept = kLongestResult;
  if (!result.open()) return refused("pipe2", errno);
  if (!above(kResult, &result.write_end)) return refused("fcntl", errno);
  Child child = {path.c_str(), args.data(), environ, "", -1, -1, -1, result.write_end.get(), getpid(), 0};
  UniqueFd pidfd;
  pid_t pid = -1;
  if (Outcome failure = spawn(&child, &pid, &pidfd); failure.error != 0) return failure;
  result.write_end.reset();
  if (await_end(pidfd.get(), &result, &none, -1) != Waited::ended) {
    const int error = errno;
    kill(pid, SIGKILL);
    collect(pid);
    return refused("poll", error, path);
  }
  siginfo_t end = collect(pid);
  result.drain();
  return Value::record({{end.si_code == CLD_EXITED ? "code" : "signal", Value::number(end.si_status)},
                        {"result", Value::text(result.text)}});
}

}  // namespace function

}  // namespace tsubo::binding
