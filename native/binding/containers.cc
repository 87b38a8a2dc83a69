// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "binding/interrupt.h"
#include "binding/pass_descriptor.h"
#include "binding/table.h"
#include "core/fd.h"
#include "core/syscall.h"
#include "spawn/spawn.h"
#include "wire/report.h"
#include "wire/steps.h"

namespace tsubo::binding {

namespace {

Value report_value(const char* kind, const wire::Report& report, int fd = -1) {
  auto bounded = [](const char* s, size_t size) { return std::string(s, strnlen(s, size)); };
  return Value::record({{"kind", Value::text(kind)},
                        {"step", Value::number(report.step)},
                        {"syscall", Value::text(bounded(report.syscall, sizeof report.syscall))},
                        {"errno", Value::number(report.error)},
                        {"item", report.item == 0 ? Value() : Value::number(report.item - 1)},
                        {"detail", Value::text(bounded(report.detail, sizeof report.detail))},
                        {"fd", fd < 0 ? Value() : Value::number(fd)}});
}

}  // namespace

namespace function {

Outcome spawn(const Arguments& a) {
  const Value& r = a[0];
  SpawnRequest request = {};
  request.plan = r.field("plan").data();
  request.plan_bytes = r.field("plan").size();
  request.clone_flags = static_cast<uint64_t>(r.field("cloneFlags").number());
  request.cgroup = static_cast<int>(r.field("cgroup").number());
  request.pid_namespace = static_cast<int>(r.field("pidNamespace").number());
  request.preserve_fds = static_cast<uint32_t>(r.field("preserveFds").number());
  for (const Value& fd : r.field("joins").items()) request.joins.push_back(static_cast<int>(fd.number()));
  request.join_kinds = static_cast<int>(r.field("joinKinds").number());
  request.root_slot = static_cast<uint32_t>(r.field("rootSlot").number());
  for (const Value& fd : r.field("fds").items()) request.fds.push_back(static_cast<int>(fd.number()));
  for (const Value& fd : r.field("standard").items()) request.standard.push_back(static_cast<int>(fd.number()));
  Spawned spawned = {};
  SpawnFailure failure = tsubo::spawn(request, &spawned);
  if (failure.syscall != nullptr) {
    const int more = failure.error == ECHILD ? failure.signal : failure.join;
    return refused(failure.syscall, failure.error, more < 0 ? "" : std::to_string(more));
  }
  return Value::record({{"pid", Value::number(spawned.pid)},
                        {"pidfd", Value::number(spawned.pidfd)},
                        {"channel", Value::number(spawned.channel)}});
}

Outcome awaitReport(const Arguments& a) {
  wire::Report report = {};
  UniqueFd fd;
  const ssize_t n = receive_with_descriptor(static_cast<int>(a[0].number()), &report, sizeof report, &fd);
  // ECONNRESET: the init was killed with unread data in its socket.
  if (n < 0 && errno != ECONNRESET) return refused("recvmsg", errno);
  if (n != sizeof report) return report_value("ended", {});
  if (report.kind != wire::ReportKind::waiting) {
    if (report.kind == wire::ReportKind::cloned) return report_value("cloned", report);
    return report_value(report.kind == wire::ReportKind::ready ? "ready" : "failed", report);
  }
  return report_value("waiting", report, fd.release());
}

Outcome resume(const Arguments& a) {
  // size_t in glibc, socklen_t in musl
  using Length = decltype(msghdr::msg_controllen);
  std::vector<int> fds;
  if (a.size() > 1) {
    for (const Value& fd : a[1].field("fds").items()) fds.push_back(static_cast<int>(fd.number()));
  }
  // The init reads one byte; its value has no meaning.
  char byte = 0;
  iovec piece = {&byte, 1};
  size_t sent = 0;
  do {
    size_t count = fds.size() - sent < wire::kMostDescriptors ? fds.size() - sent : wire::kMostDescriptors;
    alignas(cmsghdr) char control[CMSG_SPACE(wire::kMostDescriptors * sizeof(int))] = {};
    msghdr message = {};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    if (count > 0) {
      message.msg_control = control;
      message.msg_controllen = static_cast<Length>(CMSG_SPACE(count * sizeof(int)));
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = static_cast<Length>(CMSG_LEN(count * sizeof(int)));
      memcpy(CMSG_DATA(header), fds.data() + sent, count * sizeof(int));
    }
    long n;
    // The raw call, because musl's sendmsg(3) refuses as many descriptors as the kernel accepts.
    do n = sys::call(__NR_sendmsg, static_cast<int>(a[0].number()), sys::arg(&message), MSG_NOSIGNAL);
    while (n == -EINTR && !interrupted());
    if (n < 0) return refused("sendmsg", static_cast<int>(-n));
    sent += count;
  } while (sent < fds.size());
  return {};
}

Outcome release(const Arguments& a) {
  const std::string& path = a[0].text();
  UniqueFd fifo(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fifo.open()) return refused("open", errno, path);
  // The FIFO contains one page of zero bytes, which are reports without a kind. If an earlier `start` was killed after
  // it emptied the FIFO, the FIFO contains the reports of the init since then.
  constexpr size_t kLargestPage = 64 << 10, kMostReports = 4;
  static_assert(4096 % sizeof(wire::Report) == 0);
  std::string bytes(kLargestPage + kMostReports * sizeof(wire::Report), '\0');
  auto take = [&](size_t filled) {
    ssize_t n;
    do n = ::read(fifo.get(), bytes.data() + filled, bytes.size() - filled);
    while (n < 0 && errno == EINTR);
    return n;
  };
  ssize_t n = take(0);
  // End of file: no process has the FIFO open for writing, therefore the init has exited.
  if (n == 0) return report_value("ended", {});
  // EAGAIN: the FIFO is empty, and the init has not reported yet.
  if (n < 0 && errno != EAGAIN) return refused("read", errno, path);
  size_t filled = n > 0 ? static_cast<size_t>(n) : 0;
  // Wait only for the hangup; data that the init writes before it stays in the FIFO.
  pollfd watched = {fifo.get(), 0, 0};
  while (poll(&watched, 1, -1) < 0) {
    if (errno != EINTR) return refused("poll", errno, path);
  }
  while ((n = take(filled)) > 0) filled += static_cast<size_t>(n);
  if (n < 0) return refused("read", errno, path);
  bool released = false;
  wire::Report report = {}, last = {};
  for (size_t at = 0; at + sizeof report <= filled; at += sizeof report) {
    memcpy(&report, bytes.data() + at, sizeof report);
    if (report.kind == wire::ReportKind::failed) return report_value("failed", report);
    if (report.kind == wire::ReportKind::waiting) released = true;
    if (report.kind == wire::ReportKind::ready) last = report;
  }
  return report_value(released ? "ready" : "ended", last);
}

// Used by the test that compares the steps of src/plan with those that this program was built with.
Outcome vocabulary(const Arguments&) { return Value::text(wire::kVocabulary); }

}  // namespace function

}  // namespace tsubo::binding
