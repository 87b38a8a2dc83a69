// SPDX-License-Identifier: Apache-2.0
//
// Children that perform one task in other namespaces and exit.
#pragma once

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "core/syscall.h"

namespace tsubo::binding {

enum class Zombie { leave, reap };

// Waits until the child has exited, and reaps it or leaves it to the caller.
inline void await_end(long pid, Zombie zombie) {
  siginfo_t ignored;
  long flags = WEXITED | (zombie == Zombie::leave ? WNOWAIT : 0);
  // ECHILD: the caller ignores SIGCHLD, and the kernel has already reaped the child.
  sys::unchecked(sys::uninterrupted([&] { return sys::call(__NR_waitid, P_PID, pid, sys::arg(&ignored), flags, 0); }));
}

// Runs `work` in a child and waits for its exit. Returns the pid, which the caller reaps, or a negative errno. The
// child runs on a copy of the runtime's memory (and with CLONE_FILES on its descriptors), therefore it returns results
// in shared memory. `work` may only make system calls, because another thread may have held any lock at the clone.
template <typename Work>
long in_child(uint64_t flags, Work work) {
  // A handler of the runtime must not run in the child.
  uint64_t all = ~0ull, before = 0;
  if (long r = sys::call(__NR_rt_sigprocmask, SIG_SETMASK, sys::arg(&all), sys::arg(&before), 8); r < 0) return r;
  clone_args args = {};
  args.flags = flags | CLONE_VFORK;
  args.exit_signal = SIGCHLD;
  long pid = sys::call(__NR_clone3, sys::arg(&args), sizeof args);
  if (pid == 0) {
    work();
    sys::exit(0);
  }
  // This cannot fail: the same call has just succeeded.
  sys::unchecked(sys::call(__NR_rt_sigprocmask, SIG_SETMASK, sys::arg(&before), 0, 8));
  if (pid > 0) await_end(pid, Zombie::leave);
  return pid;
}

}  // namespace tsubo::binding
