// SPDX-License-Identifier: Apache-2.0
//
// A hook that runs in the container's namespaces. The init writes the state to it, reads its output and waits for it.
// The file uses the oldest calls that work (clone instead of clone3, ppoll), because after `ready` a seccomp filter of
// the user may be loaded.
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <linux/errno.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/time.h>
#include <linux/wait.h>

#include "core/exec_arguments.h"
#include "core/files.h"
#include "core/signals.h"

namespace tsubo {

namespace {

// The last bytes that the hook wrote to one of its outputs. The end usually contains the error message.
class HookOutput {
 public:
  UniqueFd read_end, write_end;

  Result open() {
    int ends[2];
    if (long r = sys::call(__NR_pipe2, sys::arg(ends), O_CLOEXEC | O_NONBLOCK); r < 0) return check("pipe2", r);
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
    // Only the read end is non-blocking.
    return check("fcntl", sys::fcntl(ends[1], F_SETFL, 0));
  }
  void drain() {
    char piece[512];
    long n;
    while ((n = sys::read(read_end.get(), piece, sizeof piece)) > 0) {
      for (long i = 0; i < n; i++) kept_[total_++ % sizeof kept_] = piece[i];
    }
    if (n == 0) read_end.reset();
  }
  void append_to(text::Buffer<960>* to) const {
    size_t from = total_ > sizeof kept_ ? total_ - sizeof kept_ : 0;
    size_t to_end = total_;
    while (to_end > from && kept_[(to_end - 1) % sizeof kept_] == '\n') to_end--;
    for (; from < to_end; from++) {
      const char* c = &kept_[from % sizeof kept_];
      to->add(*c == '\0' ? " " : c, 1);
    }
  }

 private:
  char kept_[440];
  size_t total_ = 0;
};

Result now_ms(int64_t* now) {
  __kernel_timespec t = {};
  Result r = check("clock_gettime", sys::call(__NR_clock_gettime, CLOCK_MONOTONIC, sys::arg(&t)));
  *now = t.tv_sec * 1000 + t.tv_nsec / 1'000'000;
  return r;
}

// Waits until the process has exited or the time is over; a negative `timeout_ms` means no limit. A filter may refuse
// the wait.
Result await_end(int pidfd, HookOutput* out, HookOutput* err, int64_t timeout_ms, bool* ended) {
  *ended = false;
  int64_t now = 0;
  if (Result r = timeout_ms < 0 ? Result{} : now_ms(&now); !r.ok()) return r;
  const int64_t deadline = now + timeout_ms;
  while (true) {
    // The descriptor of a closed output is -1, which poll ignores.
    pollfd watched[] = {{pidfd, POLLIN, 0}, {out->read_end.get(), POLLIN, 0}, {err->read_end.get(), POLLIN, 0}};
    int64_t left = deadline > now ? deadline - now : 0;
    __kernel_timespec wait = {left / 1000, left % 1000 * 1'000'000};
    long n = sys::uninterrupted(
        [&] { return sys::call(__NR_ppoll, sys::arg(watched), 3, timeout_ms < 0 ? 0 : sys::arg(&wait), 0, 8); });
    if (n < 0) return check("ppoll", n);
    if (n > 0 && watched[1].revents != 0) out->drain();
    if (n > 0 && watched[2].revents != 0) err->drain();
    if (n > 0 && watched[0].revents != 0) *ended = true;
    if (n == 0 || *ended) return {};
    if (timeout_ms < 0) continue;
    if (Result r = now_ms(&now); !r.ok()) return r;
    if (now >= deadline) return {};
  }
}

// During its lifetime a write beyond RLIMIT_FSIZE fails with EFBIG instead of killing the process.
class QuietLimit {
 public:
  QuietLimit() { sys::unchecked(set_action(SIGXFSZ, {SIG_IGN, 0, nullptr, 0})); }
  QuietLimit(const QuietLimit&) = delete;
  QuietLimit& operator=(const QuietLimit&) = delete;
  ~QuietLimit() { sys::unchecked(reset_signal(SIGXFSZ)); }
};

// After a short write the rest is written, and that write returns the error.
Result write_all(int fd, const char* from, size_t size) {
  while (size > 0) {
    long n = sys::write(fd, from, size);
    if (n < 0) return check("write", n);
    from += n;
    size -= static_cast<size_t>(n);
  }
  return {};
}

// The state is a file, not a pipe: a hook that does not read it blocks no process.
Result state_file(const Context& c, const wire::step::runHook& s, UniqueFd* file) {
  long fd = sys::call(__NR_memfd_create, sys::arg("tsubo-state"), MFD_CLOEXEC);
  if (Result r = take(file, "memfd_create", fd); !r.ok()) return r;
  // RLIMIT_FSIZE of the container is already set. With SIGXFSZ ignored, the write fails with EFBIG. If a filter refuses
  // to ignore it, the signal kills the init.
  const QuietLimit quiet;
  text::Buffer<24> pid;
  pid.add_number(static_cast<uint64_t>(sys::call(__NR_getpid)));
  for (uint32_t i = 0; i < s.input.count; i++) {
    if (i > 0) {
      if (Result r = write_all(file->get(), pid.c_str(), pid.size()); !r.ok()) return r;
    }
    const char* part = c.plan.text(s.input, i);
    if (Result r = write_all(file->get(), part, text::length(part)); !r.ok()) return r;
  }
  return check("lseek", sys::call(__NR_lseek, file->get(), 0, 0));
}

// Moves a descriptor above 2: dup3 to a standard stream would close it before its use.
void above_stdio(UniqueFd* fd) {
  if (fd->get() <= 2) fd->reset(sys::fcntl(fd->get(), F_DUPFD_CLOEXEC, 3));
}

// Returns the error of a call before the exec, or of the exec itself.
long prepare_and_execute(const Context& c, const char* path, const ExecArguments& arguments, int in, int out, int err) {
  // Without a pid namespace of the container, the hook would outlive the init. If a filter refuses this, the hook
  // continues until it exits.
  sys::unchecked(sys::prctl(PR_SET_PDEATHSIG, SIGKILL));
  if (long r = sys::call(__NR_dup3, in, 0, 0); r < 0) return r;
  if (long r = sys::call(__NR_dup3, out, 1, 0); r < 0) return r;
  if (long r = sys::call(__NR_dup3, err, 2, 0); r < 0) return r;
  // The init's own descriptors are close-on-exec. Descriptors that the caller passed belong to the program alone.
  for (uint32_t i = 0; i < c.preserve_fds; i++) {
    long r = sys::fcntl(static_cast<int>(3 + i), F_SETFD, FD_CLOEXEC);
    if (r < 0 && r != -EBADF) return r;
  }
  if (long r = c.root >= 0 ? sys::fchdir(c.root) : 0; r < 0) return r;
  // umask fails only if a filter refuses it. Then the hook runs with the program's umask.
  if (!c.own_umask) sys::unchecked(sys::call(__NR_umask, c.callers_umask));
  return sys::call(__NR_execve, sys::arg(path), sys::arg(arguments.args), sys::arg(arguments.env));
}

[[noreturn]] void become_hook(const Context& c, const char* path, const ExecArguments& arguments, int in, int out,
                              int err, int failed) {
  auto error = static_cast<int32_t>(-prepare_and_execute(c, path, arguments, in, out, err));
  // If a filter refuses this, the exit status 127 reports that the hook failed.
  sys::unchecked(sys::write(failed, &error, sizeof error));
  sys::exit(127);
}

}  // namespace

Result run(Context& c, const wire::step::runHook& s) {
  const char* path = c.plan.text(s.path);
  c.about(path);
  UniqueFd state;
  HookOutput out, err, exec;
  ExecArguments arguments = {};
  if (Result r = state_file(c, s, &state); !r.ok()) return r;
  HookOutput* const pipes[] = {&out, &err, &exec};
  for (HookOutput* output : pipes) {
    if (Result r = output->open(); !r.ok()) return r;
    above_stdio(&output->write_end);
  }
  above_stdio(&state);
  if (Result r = exec_arguments(c, s.args, s.env, s.home != 0 ? c.home.c_str() : "", &arguments); !r.ok()) return r;

  int pidfd_number = -1;
  long pid = sys::call(__NR_clone, SIGCHLD | CLONE_PIDFD, 0, sys::arg(&pidfd_number), 0, 0);
  if (pid < 0) return check("clone", pid);
  if (pid == 0) {
    become_hook(c, path, arguments, state.get(), out.write_end.get(), err.write_end.get(), exec.write_end.get());
  }
  UniqueFd pidfd(pidfd_number);
  for (HookOutput* output : pipes) output->write_end.reset();

  bool ended = false;
  Result waited = await_end(pidfd.get(), &out, &err, s.timeout == 0 ? -1 : int64_t(s.timeout) * 1000, &ended);
  // Without the signal, the wait for the process would have no limit.
  if (long r = ended ? 0 : sys::call(__NR_kill, pid, SIGKILL); r < 0) return check("kill", r);
  siginfo_t info = {};
  long r =
      sys::uninterrupted([&] { return sys::call(__NR_waitid, P_PIDFD, pidfd.get(), sys::arg(&info), WEXITED, 0); });
  if (r < 0) return check("waitid", r);
  if (!waited.ok()) return waited;
  int32_t error = 0;
  if (sys::read(exec.read_end.get(), &error, sizeof error) == sizeof error) return {error, "execve"};
  // Reads the rest of the output without a wait for end of file: a process that the hook left may hold the pipes open.
  out.drain();
  err.drain();
  c.about("stdout: ");
  out.append_to(&c.detail);
  c.detail.add(", stderr: ");
  err.append_to(&c.detail);
  if (!ended) return {static_cast<int32_t>(s.timeout), "timeout"};
  c.hooked = c.channel < 0;
  return {info.si_status, info.si_code == CLD_EXITED ? "exit" : "signal"};
}

}  // namespace tsubo
