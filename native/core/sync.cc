// SPDX-License-Identifier: Apache-2.0
//
// Synchronisation points: at a given step the init waits while the runtime does its part. Descriptors can be passed in
// both directions.
#include "core/sync.h"

#include <asm/socket.h>
#include <linux/errno.h>
#include <linux/prctl.h>

#include "core/kernel.h"
#include "core/message.h"
#include "wire/report.h"

namespace tsubo {

namespace {

using message::Descriptors;
using message::OneDescriptor;
using message::Piece;

// Waits for the runtime's byte, which carries the descriptors for the slots. A large number comes in several messages.
Result take_descriptors(Context& c, uint64_t into, uint64_t count) {
  if (into == 0 || into + count > wire::kSlots) return {EINVAL, "recvmsg"};
  while (count > 0) {
    char byte;
    Piece piece = {&byte, 1};
    Descriptors<wire::kMostDescriptors + 1> control;
    control.bytes = 0;
    message::Header header = {nullptr, 0, &piece, 1, &control, sizeof control, 0};
    if (sys::call(__NR_recvmsg, c.channel, sys::arg(&header), MSG_CMSG_CLOEXEC) != 1) sys::exit(1);
    constexpr size_t kBefore = offsetof(OneDescriptor, fds);
    if (control.bytes < kBefore || control.level != SOL_SOCKET || control.type != SCM_RIGHTS) {
      return {EBADF, "recvmsg"};
    }
    size_t got = (control.bytes - kBefore) / sizeof(int);
    if (got == 0 || got > count) return {EBADF, "recvmsg"};
    for (size_t i = 0; i < got; i++) c.slots.put(into + i, control.fds[i]);
    into += got;
    count -= got;
  }
  return {};
}

}  // namespace

void await_resume(Context& c) {
  char byte;
  if (sys::read(c.channel, &byte, 1) != 1) sys::exit(1);
}

Result outlive_runtime(Context& c) {
  if (c.outlives_runtime || c.ends_with_runtime) return {};
  Result r = check("prctl", sys::prctl(PR_SET_PDEATHSIG, 0));
  c.outlives_runtime = r.ok();
  return r;
}

Result run(Context& c, const wire::step::sync& s) {
  c.about(c.plan.text(s.point));
  if (s.slot >= wire::kSlots || (s.slot > 0 && c.slots[s.slot] < 0)) return {EBADF, "sendmsg"};
  wire::Report report = {};
  report.kind = wire::ReportKind::waiting;
  report.step = c.step;
  Piece piece = {&report, sizeof report};
  OneDescriptor control = {message::kOneDescriptorBytes, SOL_SOCKET, SCM_RIGHTS, {}};
  message::Header header = {nullptr, 0, &piece, 1, nullptr, 0, 0};
  if (s.slot > 0) {
    control.fds[0] = c.slots[s.slot];
    header.control = &control;
    header.control_bytes = sizeof control;
  }
  long r = sys::call(__NR_sendmsg, c.channel, sys::arg(&header), MSG_NOSIGNAL);
  if (r < 0) return check("sendmsg", r);
  if (s.slot > 0) c.slots.close(s.slot);
  if (s.count > 0) return take_descriptors(c, s.into, s.count);
  await_resume(c);
  return {};
}

}  // namespace tsubo
