// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "binding/interrupt.h"
#include "binding/table.h"
#include "binding/wait_status.h"
#include "core/signals.h"

namespace tsubo::binding {

namespace {

std::vector<std::string>& command_line() {
  static std::vector<std::string> argv;
  return argv;
}

// The calls return the same values as /proc/self/status, in a fraction of the time that the text takes.
struct Bounding {
  uint64_t set = 0;
  unsigned last = 0;
};

bool bounding_capabilities(Bounding* found) {
  for (unsigned cap = 0; cap < 64; cap++) {
    const int there = prctl(PR_CAPBSET_READ, cap);
    // EINVAL: past the last capability of this kernel.
    if (there < 0 && errno == EINVAL) return true;
    if (there < 0) return false;
    found->last = cap;
    found->set |= static_cast<uint64_t>(there) << cap;
  }
  return true;
}

bool permitted_capabilities(uint64_t* permitted) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, data) < 0) return false;
  *permitted = static_cast<uint64_t>(data[1].permitted) << 32 | data[0].permitted;
  return true;
}

// The format is that of SigIgn in /proc/self/status: bit 0 is signal 1.
uint64_t ignored_signals() {
  uint64_t ignored = 0;
  for (int signal = 1; signal <= 64; signal++) {
    // The raw call, because the C library hides the signals that it uses itself.
    SignalAction action = {};
    if (get_action(signal, &action) == 0 && action.handler == SIG_IGN) ignored |= uint64_t{1} << (signal - 1);
  }
  return ignored;
}

int pidfd_of(const Value& v) { return static_cast<int>(v.number()); }

}  // namespace

void set_argv(std::vector<std::string> argv) { command_line() = std::move(argv); }

namespace function {

Outcome argv(const Arguments&) {
  std::vector<Value> items;
  for (const std::string& word : command_line()) items.push_back(Value::text(word));
  return Value::list(std::move(items));
}

Outcome ownCommand(const Arguments&) {
  char path[PATH_MAX];
  ssize_t n = ::readlink("/proc/self/exe", path, sizeof path);
  if (n < 0) return refused("readlink", errno, "/proc/self/exe");
  return Value::list({Value::text(std::string(path, static_cast<size_t>(n)))});
}

Outcome utf8(const Arguments& a) { return Value::owned_bytes(a[0].text()); }

Outcome getenv(const Arguments& a) {
  const char* value = ::getenv(a[0].text().c_str());
  return value == nullptr ? Value() : Value::text(value);
}

Outcome pid(const Arguments&) { return Value::number(getpid()); }

Outcome now(const Arguments&) {
  timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return Value::bigint(static_cast<uint64_t>(t.tv_sec) * 1000000000u + static_cast<uint64_t>(t.tv_nsec));
}

Outcome sleepMs(const Arguments& a) {
  timespec left = {a[0].number() / 1000, (a[0].number() % 1000) * 1000000};
  while (nanosleep(&left, &left) < 0) {
    if (!call_again()) return refused("nanosleep", errno);
  }
  return {};
}

Outcome identity(const Arguments&) {
  utsname name;
  if (uname(&name) < 0) return refused("uname", errno);
  Bounding bounding;
  uint64_t permitted = 0;
  if (!bounding_capabilities(&bounding)) return refused("prctl", errno);
  if (!permitted_capabilities(&permitted)) return refused("capget", errno);
  return Value::record({{"machine", Value::text(name.machine)},
                        {"release", Value::text(name.release)},
                        {"euid", Value::number(geteuid())},
                        {"egid", Value::number(getegid())},
                        {"boundingCapabilities", Value::bigint(bounding.set)},
                        {"permittedCapabilities", Value::bigint(permitted)},
                        {"lastCapability", Value::number(bounding.last)},
                        {"ignoredSignals", Value::bigint(ignored_signals())}});
}

Outcome setAffinity(const Arguments& a) {
  const Value& mask = a[0].field("mask");
  // The call requires a buffer that is at least as long as the kernel's mask.
  std::string before(1024, '\0');
  long bytes = syscall(SYS_sched_getaffinity, 0, before.size(), before.data());
  if (bytes < 0) return refused("sched_getaffinity", errno);
  if (syscall(SYS_sched_setaffinity, 0, mask.size(), mask.data()) < 0) return refused("sched_setaffinity", errno);
  before.resize(static_cast<size_t>(bytes));
  return Value::owned_bytes(std::move(before));
}

Outcome processExists(const Arguments& a) {
  const int64_t pid = a[0].number();
  // A pid of 0 or less would signal process groups. EPERM: the process exists, with another owner.
  return Value::boolean(pid > 0 && (::kill(static_cast<pid_t>(pid), 0) == 0 || errno != ESRCH));
}

Outcome pidfdOpen(const Arguments& a) {
  int pid = static_cast<int>(a[0].number());
  long fd = syscall(SYS_pidfd_open, pid, 0);
  // EINVAL, seen on Linux 6.12: the number is the ID of a thread, or of a session or group whose leader has exited.
  if (fd < 0 && (errno == ESRCH || (errno == EINVAL && pid > 0))) return Value();
  if (fd < 0) return refused("pidfd_open", errno);
  return Value::number(fd);
}

Outcome pidfdSignal(const Arguments& a) {
  if (syscall(SYS_pidfd_send_signal, pidfd_of(a[0]), a[1].number(), nullptr, 0) == 0) return Value::boolean(true);
  if (errno == ESRCH) return Value::boolean(false);
  return refused("pidfd_send_signal", errno);
}

Outcome pidfdWait(const Arguments& a) {
  pollfd watched = {pidfd_of(a[0]), POLLIN, 0};
  int n;
  do n = poll(&watched, 1, static_cast<int>(a[1].number()));
  while (n < 0 && call_again());
  if (n < 0) return refused("poll", errno);
  return Value::boolean(n > 0);
}

Outcome reap(const Arguments& a) {
  siginfo_t info = {};
  if (waitid(P_PID, static_cast<id_t>(a[0].number()), &info, WEXITED | WNOHANG) < 0) {
    if (errno == ECHILD) return Value();
    return refused("waitid", errno);
  }
  return info.si_pid == 0 ? Value() : wait_status(info);
}

}  // namespace function

}  // namespace tsubo::binding
