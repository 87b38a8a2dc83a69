// SPDX-License-Identifier: Apache-2.0
//
// Device programs (BPF_PROG_TYPE_CGROUP_DEVICE) and the cgroups that they are attached to.
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "binding/table.h"

namespace tsubo::binding {

namespace {

// The name distinguishes tsubo's program from those of systemd and of hooks.
constexpr char kName[BPF_OBJ_NAME_LEN] = "tsubo_devices";
// The kernel's limit per cgroup and program type.
constexpr unsigned kMostPrograms = 64;

long bpf(bpf_cmd command, bpf_attr* attr) { return syscall(SYS_bpf, command, attr, sizeof *attr); }

uint64_t address(const void* p) { return reinterpret_cast<uintptr_t>(p); }

long load(const Value& program, std::string* log) {
  bpf_attr attr = {};
  attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attr.insn_cnt = static_cast<uint32_t>(program.size() / sizeof(bpf_insn));
  attr.insns = address(program.data());
  attr.license = address("Apache-2.0");
  memcpy(attr.prog_name, kName, sizeof kName);
  if (log != nullptr) {
    attr.log_level = 1;
    attr.log_buf = address(log->data());
    attr.log_size = static_cast<uint32_t>(log->size());
  }
  // BPF_PROG_LOAD fails with EAGAIN while a signal is pending (for example SIGCHLD of the init); retry.
  long fd = -1;
  for (int attempt = 0; attempt < 10 && fd < 0; attempt++) {
    fd = bpf(BPF_PROG_LOAD, &attr);
    if (fd < 0 && errno != EAGAIN) break;
  }
  return fd;
}

// Before Linux 5.11 a program counts against RLIMIT_MEMLOCK. The limit is restored, because containers inherit it.
long load_beyond_limit(const Value& program) {
  rlimit limit;
  if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY) return -1;
  rlimit most = {RLIM_INFINITY, RLIM_INFINITY}, more = {limit.rlim_max, limit.rlim_max};
  if (setrlimit(RLIMIT_MEMLOCK, &most) < 0 && setrlimit(RLIMIT_MEMLOCK, &more) < 0) return -1;
  long fd = load(program, nullptr);
  if (setrlimit(RLIMIT_MEMLOCK, &limit) == 0) return fd;
  // The limit could not be restored: fail, because a container must not inherit the raised limit.
  if (fd >= 0) ::close(static_cast<int>(fd));
  return -1;
}

// Returns the end of the verifier's log, which contains the reason.
std::string verifier_log(const Value& program) {
  constexpr size_t kLog = 1 << 16, kTail = 600;
  std::string log(kLog, '\0');
  long fd = load(program, &log);
  if (fd >= 0) ::close(static_cast<int>(fd));
  log.resize(strnlen(log.c_str(), log.size()));
  while (!log.empty() && log.back() == '\n') log.pop_back();
  return log.size() <= kTail ? log : log.substr(log.size() - kTail);
}

// Returns tsubo's program on the cgroup, or -1 if there is none or the query fails.
int attached(int cgroup) {
  uint32_t ids[kMostPrograms];
  bpf_attr query = {};
  query.query.target_fd = static_cast<uint32_t>(cgroup);
  query.query.attach_type = BPF_CGROUP_DEVICE;
  query.query.prog_ids = address(ids);
  query.query.prog_cnt = kMostPrograms;
  if (bpf(BPF_PROG_QUERY, &query) < 0) return -1;
  for (uint32_t i = 0; i < query.query.prog_cnt && i < kMostPrograms; i++) {
    bpf_attr by_id = {};
    by_id.prog_id = ids[i];
    int fd = static_cast<int>(bpf(BPF_PROG_GET_FD_BY_ID, &by_id));
    if (fd < 0) continue;
    bpf_prog_info about = {};
    bpf_attr ask = {};
    ask.info.bpf_fd = static_cast<uint32_t>(fd);
    ask.info.info_len = sizeof about;
    ask.info.info = address(&about);
    if (bpf(BPF_OBJ_GET_INFO_BY_FD, &ask) == 0 && memcmp(about.name, kName, sizeof kName) == 0) return fd;
    ::close(fd);
  }
  return -1;
}

}  // namespace

namespace function {

Outcome loadDeviceProgram(const Arguments& a) {
  const Value& program = a[0].field("program");
  long fd = load(program, nullptr);
  int error = errno;
  if (fd < 0 && error == EPERM) fd = load_beyond_limit(program);
  if (fd >= 0) return Value::number(fd);
  return refused("bpf", error, error == EPERM ? "" : verifier_log(program));
}

Outcome attachDeviceProgram(const Arguments& a) {
  int cgroup = static_cast<int>(a[0].number());
  bpf_attr attr = {};
  attr.target_fd = static_cast<uint32_t>(cgroup);
  attr.attach_bpf_fd = static_cast<uint32_t>(a[1].number());
  attr.attach_type = BPF_CGROUP_DEVICE;
  attr.attach_flags = BPF_F_ALLOW_MULTI;
  int before = a[2].truth() ? attached(cgroup) : -1;
  if (before >= 0) {
    attr.attach_flags |= BPF_F_REPLACE;
    attr.replace_bpf_fd = static_cast<uint32_t>(before);
  }
  long r = bpf(BPF_PROG_ATTACH, &attr);
  int error = errno;
  if (before >= 0) ::close(before);
  return r < 0 ? refused("bpf", error) : Outcome();
}

}  // namespace function

}  // namespace tsubo::binding
