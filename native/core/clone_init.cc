// SPDX-License-Identifier: Apache-2.0
#include "core/clone_init.h"

#include <asm/fcntl.h>
#include <asm/signal.h>
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
  // If the runtime has exited, the exit status is enough.
  sys::unchecked(sys::write(boot.channel, &report, sizeof report));
  sys::exit(127);
}

}  // namespace

long clone_sibling(int channel, uint64_t flags, const char** refused) {
  // The init waits for the exit of this helper: the helper's report must be sent before any report of the init.
  int exited[2];
  *refused = "pipe2";
  if (long r = sys::call(__NR_pipe2, sys::arg(exited), O_CLOEXEC); r < 0) return r;
  // With CLONE_PARENT the new process is a child of the helper's parent, which is notified of its exit.
  clone_args args = {};
  args.flags = flags | CLONE_PARENT;
  *refused = "clone3";
  long pid = sys::call(__NR_clone3, sys::arg(&args), sizeof args);
  if (pid < 0) return pid;
  if (pid == 0) {
    char end;
    sys::close(exited[1]);
    // End of file: the helper has exited. An error: the init cannot wait and continues.
    sys::unchecked(sys::read(exited[0], &end, 1));
    sys::close(exited[0]);
    // A clone resets the parent death signal.
    *refused = "prctl";
    return sys::prctl(PR_SET_PDEATHSIG, SIGKILL);
  }
  wire::Report report = {};
  report.kind = wire::ReportKind::cloned;
  report.step = static_cast<uint32_t>(pid);
  // If the write is refused, the runtime reads end of file instead, and the init exits when it finds the channel
  // closed.
  sys::unchecked(sys::write(channel, &report, sizeof report));
  sys::exit(0);
}

void join_and_clone_init(const wire::Boot& boot) {
  bool joined[wire::kJoins] = {};
  for (int round = 0; round < 2; round++) {
    for (uint32_t i = 0; i < boot.joins; i++) {
      if (joined[i]) continue;
      long r = sys::call(__NR_setns, boot.join_fds[i], boot.join_kinds);
      joined[i] = r == 0;
      // The namespace may belong to a user namespace that remains to be joined.
      if (r < 0 && (r != -EPERM || round == 1)) give_up(boot, i, "setns", r);
    }
  }
  for (uint32_t i = 0; i < boot.joins; i++) sys::close(boot.join_fds[i]);
  // A change of credentials resets the dumpable flag to the system's default.
  if (long r = sys::prctl(PR_SET_DUMPABLE, 0); r < 0) give_up(boot, 0, "prctl", r);
  if (boot.root_slot > 0) {
    if (long r = sys::fchdir(boot.slots[boot.root_slot - 1]); r < 0) give_up(boot, 0, "fchdir", r);
    if (long r = sys::call(__NR_chroot, sys::arg(".")); r < 0) give_up(boot, 0, "chroot", r);
  }
  const char* refused = "";
  long r = clone_sibling(boot.channel, boot.clone_flags, &refused);
  if (r < 0) give_up(boot, 0, refused, r);
}

}  // namespace tsubo
