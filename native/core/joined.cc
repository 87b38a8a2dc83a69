// SPDX-License-Identifier: Apache-2.0
#include "core/joined.h"

#include <asm/fcntl.h>
#include <linux/errno.h>
#include <linux/prctl.h>
#include <linux/sched.h>

#include "core/syscall.h"
#include "wire/report.h"

namespace tsubo {

namespace {

[[noreturn]] void give_up(const wire::Boot& boot, uint32_t which, const char* syscall, long result) {
  wire::Report report = {};
  report.kind = wire::ReportKind::failed;
  report.step = which;
  report.error = static_cast<int32_t>(-result);
  for (size_t i = 0; syscall[i] != '\0'; i++) report.syscall[i] = syscall[i];
  // If the runtime has ended, the exit is enough.
  sys::unchecked(sys::write(boot.channel, &report, sizeof report));
  sys::exit(127);
}

}  // namespace

long continue_as_sibling(int channel, uint64_t flags, const char** refused) {
  // The init waits for our end: what we say of it comes before what it says itself.
  int said[2];
  *refused = "pipe2";
  if (long r = sys::call(__NR_pipe2, sys::arg(said), O_CLOEXEC); r < 0) return r;
  // Our parent's child, whose end is told as ours would be.
  clone_args args = {};
  args.flags = flags | CLONE_PARENT;
  *refused = "clone3";
  long pid = sys::call(__NR_clone3, sys::arg(&args), sizeof args);
  if (pid < 0) return pid;
  if (pid == 0) {
    char end;
    sys::close(said[1]);
    // End of file or a refusal: the helper has ended, or there is nothing to wait with.
    sys::unchecked(sys::read(said[0], &end, 1));
    sys::close(said[0]);
    // A fork forgets it.
    *refused = "prctl";
    return sys::prctl(PR_SET_PDEATHSIG, 9);
  }
  wire::Report report = {};
  report.kind = wire::ReportKind::born;
  report.step = static_cast<uint32_t>(pid);
  // If this is refused the runtime gets end of file in its place, and the init ends when it finds the channel closed.
  sys::unchecked(sys::write(channel, &report, sizeof report));
  sys::exit(0);
}

void become_init_in_joined(const wire::Boot& boot) {
  bool joined[wire::kJoins] = {};
  for (int round = 0; round < 2; round++) {
    for (uint32_t i = 0; i < boot.joins; i++) {
      if (joined[i]) continue;
      long r = sys::call(__NR_setns, boot.join_fds[i], boot.join_kinds);
      joined[i] = r == 0;
      // It may belong to a user namespace that is still to be joined.
      if (r < 0 && (r != -EPERM || round == 1)) give_up(boot, i, "setns", r);
    }
  }
  for (uint32_t i = 0; i < boot.joins; i++) sys::close(boot.join_fds[i]);
  // A change of credentials makes a process dumpable as the system is set up to.
  if (long r = sys::prctl(PR_SET_DUMPABLE, 0); r < 0) give_up(boot, 0, "prctl", r);
  const char* refused = "";
  long r = continue_as_sibling(boot.channel, boot.clone_flags, &refused);
  if (r < 0) give_up(boot, 0, refused, r);
}

}  // namespace tsubo
