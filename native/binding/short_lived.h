// SPDX-License-Identifier: Apache-2.0
//
// Children that do one thing in other namespaces and end.
#pragma once

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>

#include "core/syscall.h"

namespace tsubo::binding {

enum class After { stays, goes };

// Waits until the child has ended; it stays for somebody else to reap, or goes.
inline void await_end(long pid, After after) {
  siginfo_t ignored;
  constexpr long kPid = 1 /* P_PID */, kExited = 4 /* WEXITED */, kNotReaped = 0x01000000 /* WNOWAIT */;
  long flags = kExited | (after == After::stays ? kNotReaped : 0);
  // ECHILD: the caller ignores SIGCHLD, so the kernel has collected it.
  sys::unchecked(sys::uninterrupted([&] { return sys::call(__NR_waitid, kPid, pid, sys::arg(&ignored), flags, 0); }));
}

// Has `work` done by a child, and returns when it has ended: its pid, for the caller to reap, or a negative errno.
// The child runs on a copy of our memory (and with CLONE_FILES on our descriptors), so what it finds out it leaves in
// shared memory. It may only make system calls: other threads of ours may have held any lock.
template <typename Work>
long in_child(uint64_t flags, Work work) {
  // A handler of ours must not run in the child.
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
  // The call has just been allowed.
  sys::unchecked(sys::call(__NR_rt_sigprocmask, SIG_SETMASK, sys::arg(&before), 0, 8));
  if (pid > 0) await_end(pid, After::stays);
  return pid;
}

}  // namespace tsubo::binding
