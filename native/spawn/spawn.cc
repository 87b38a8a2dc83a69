// SPDX-License-Identifier: Apache-2.0
#include "spawn/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <charconv>

#include "core/fd.h"
#include "core/syscall.h"
#include "spawn/child.h"
#include "spawn/sealed_image.h"
#include "spawn/wait.h"
#include "wire/plan.h"
#include "wire/report.h"

namespace tsubo {

namespace {

SpawnFailure plan_in_memory(const SpawnRequest& request, const std::vector<int>& joins, int channel, UniqueFd* memory) {
  wire::Boot boot = {};
  boot.magic = wire::kBootMagic;
  boot.plan_bytes = static_cast<uint32_t>(request.plan_bytes);
  boot.channel = channel;
  boot.preserve_fds = request.preserve_fds;
  boot.fds = static_cast<uint32_t>(request.fds.size());
  for (size_t i = 0; i < request.fds.size(); i++) boot.slots[i] = request.fds[i];
  boot.joins = static_cast<uint32_t>(joins.size());
  boot.clone_flags = request.clone_flags;
  boot.join_kinds = request.join_kinds;
  boot.root_slot = request.root_slot;
  for (size_t i = 0; i < joins.size(); i++) boot.join_fds[i] = joins[i];
  memory->reset(memfd_create("tsubo-plan", MFD_CLOEXEC));
  if (!memory->open()) return failed("memfd_create");
  iovec parts[] = {{&boot, sizeof boot}, {const_cast<uint8_t*>(request.plan), request.plan_bytes}};
  ssize_t n = writev(memory->get(), parts, 2);
  if (n < 0) return failed("writev");
  // After a short write the rest is written, and that write returns the error.
  const size_t all = sizeof boot + request.plan_bytes;
  for (auto done = static_cast<size_t>(n); done < all; done += static_cast<size_t>(n)) {
    if (done < sizeof boot) return failed("writev", EIO);
    const size_t from = done - sizeof boot;
    n = write(memory->get(), request.plan + from, request.plan_bytes - from);
    if (n < 0) return failed("write");
  }
  // The init reads the boot block from the start.
  if (lseek(memory->get(), 0, SEEK_SET) < 0) return failed("lseek");
  return {};
}

// Waits for a child that is about to exit, closes its pidfd, and returns the signal that killed it, or 0.
int collect(int pidfd) {
  siginfo_t end = {};
  // ECHILD: the caller ignores SIGCHLD, and the kernel has already reaped the child.
  sys::unchecked(sys::uninterrupted([&] { return sys::call(__NR_waitid, kPidfd, pidfd, sys::arg(&end), WEXITED); }));
  close(pidfd);
  return end.si_pid == 0 || end.si_code == CLD_EXITED ? 0 : end.si_status;
}

// Reads the helper's report on the init that it cloned. ECHILD: the helper exited without a report.
SpawnFailure receive_init_pid(int channel, const std::vector<int>& joins, size_t first_join, long* pid) {
  wire::Report report = {};
  ssize_t n;
  do n = read(channel, &report, sizeof report);
  while (n < 0 && errno == EINTR);
  // ECONNRESET: the helper was killed with unread data in its socket.
  if (n < 0 && errno != ECONNRESET) return failed("read");
  if (n != sizeof report) return failed("clone3", ECHILD);
  if (report.kind == wire::ReportKind::cloned) {
    *pid = report.step;
    return {};
  }
  if (strcmp(report.syscall, "setns") != 0) return failed("clone3", report.error);
  return {"setns", report.error,
          report.step < first_join || joins.empty() ? -1 : static_cast<int>(report.step - first_join)};
}

// The attribute belongs to the whole process, and a program that uses the library may spawn in several threads.
pthread_mutex_t dumpable_lock = PTHREAD_MUTEX_INITIALIZER;

// During its lifetime no process can trace this one or follow its descriptors. Until its exec, a child that is visible
// to other processes of a pid namespace runs on this memory (CVE-2016-9962).
class NotDumpable {
 public:
  NotDumpable() {
    pthread_mutex_lock(&dumpable_lock);
    before_ = prctl(PR_GET_DUMPABLE);
    hidden_ = prctl(PR_SET_DUMPABLE, 0) == 0;
  }
  NotDumpable(const NotDumpable&) = delete;
  NotDumpable& operator=(const NotDumpable&) = delete;
  bool hidden() const { return hidden_; }
  ~NotDumpable() {
    // The value 2, a possible system default, cannot be set with prctl. It protects as much as 0.
    if (before_ == 1) prctl(PR_SET_DUMPABLE, 1);
    pthread_mutex_unlock(&dumpable_lock);
  }

 private:
  int before_;
  bool hidden_;
};

}  // namespace

SpawnFailure spawn(const SpawnRequest& request, Spawned* spawned) {
  if (request.plan_bytes > wire::kMaxPlanBytes || request.fds.size() > wire::kSpawnSlots)
    return failed("clone3", E2BIG);
  UniqueFd image, plan, own_end, init_end;
  if (SpawnFailure f = sealed_image(kInitImage, &image); f.syscall) return f;
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) return failed("socketpair");
  own_end.reset(pair[0]);
  init_end.reset(pair[1]);
  // The init cannot join its own pid namespace: a helper must join it first. With a user namespace this applies to all
  // namespaces.
  std::vector<int> joins;
  if (request.pid_namespace >= 0) joins.push_back(request.pid_namespace);
  const size_t first_join = joins.size();
  joins.insert(joins.end(), request.joins.begin(), request.joins.end());
  if (joins.size() > wire::kJoins) return failed("setns", E2BIG);
  if (SpawnFailure f = plan_in_memory(request, joins, init_end.get(), &plan); f.syscall) return f;

  std::vector<int> keep = request.fds;
  keep.insert(keep.end(), joins.begin(), joins.end());
  keep.push_back(plan.get());
  keep.push_back(init_end.get());
  char number[12];
  *std::to_chars(number, number + sizeof number - 1, plan.get()).ptr = '\0';
  Child child = {};
  child.keep_capabilities = joins.empty() && (request.clone_flags & CLONE_NEWUSER) != 0;
  child.image = image.get();
  child.keep = keep.data();
  child.keep_count = keep.size();
  child.own_fds = 3 + request.preserve_fds;
  child.argv[0] = "tsubo: [init]";
  child.argv[1] = number;

  UniqueFd copies[3];
  for (size_t i = 0; i < 3; i++) {
    child.standard[i] = i < request.standard.size() ? request.standard[i] : -1;
    if (child.standard[i] < 0 || child.standard[i] > 2) continue;
    copies[i].reset(fcntl(child.standard[i], F_DUPFD_CLOEXEC, 3));
    if (!copies[i].open()) return failed("fcntl");
    child.standard[i] = copies[i].get();
  }

  alignas(16) char stack[16384];
  int pidfd = -1;
  clone_args args = {};
  args.flags = (joins.empty() ? request.clone_flags : 0) | CLONE_VM | CLONE_VFORK | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  args.stack = reinterpret_cast<uint64_t>(stack);
  args.stack_size = sizeof stack;
  if (request.cgroup >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<unsigned>(request.cgroup);
  }

  NotDumpable not_dumpable;
  if (!not_dumpable.hidden()) return failed("prctl");
  // A handler of the runtime must not run in the child, on the shared memory.
  uint64_t all = ~0ull, before = 0;
  if (long r = sys::call(__NR_rt_sigprocmask, SIG_SETMASK, sys::arg(&all), sys::arg(&before), 8); r < 0)
    return failed("rt_sigprocmask", static_cast<int>(-r));
  long pid = clone_on_stack(&args, &child);
  // This cannot fail: the same call has just succeeded.
  sys::unchecked(sys::call(__NR_rt_sigprocmask, SIG_SETMASK, sys::arg(&before), 0, 8));
  if (pid < 0) return failed("clone3", static_cast<int>(-pid));
  if (child.syscall != nullptr) {
    static_cast<void>(collect(pidfd));
    return {child.syscall, child.error};
  }
  if (!joins.empty()) {
    // Close this copy, because only then end of file arrives when the helper exits.
    init_end.reset();
    SpawnFailure failure = receive_init_pid(own_end.get(), joins, first_join, &pid);
    failure.signal = collect(pidfd);
    if (failure.syscall != nullptr) return failure;
    // The pid cannot be reused: the process is a child that has not been waited for.
    pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (pidfd < 0) return failed("pidfd_open");
  }
  *spawned = {static_cast<int>(pid), pidfd, own_end.release()};
  return {};
}

}  // namespace tsubo
