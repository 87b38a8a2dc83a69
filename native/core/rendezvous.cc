// SPDX-License-Identifier: Apache-2.0
//
// Where the runtime does its part at a place in the container's order, and what it is handed for that.
#include "core/rendezvous.h"

#include <linux/errno.h>

#include "wire/report.h"

namespace tsubo {

namespace {

// The kernel's struct iovec, msghdr and cmsghdr.
struct Piece {
  const void* data;
  size_t bytes;
};
struct Message {
  void* name;
  int name_bytes;
  Piece* pieces;
  size_t count;
  void* control;
  size_t control_bytes;
  unsigned flags;
};
struct OneDescriptor {
  size_t bytes;
  int level;
  int type;
  int fd;
  int padding;
};

}  // namespace

void await_word(Context& c) {
  char word;
  if (sys::read(c.channel, &word, 1) != 1) sys::exit(1);
}

Result run(Context& c, const wire::step::rendezvous& s) {
  c.about(c.plan.text(s.moment));
  if (s.slot >= wire::kSlots || (s.slot > 0 && c.slots[s.slot] < 0)) return {EBADF, "sendmsg"};
  wire::Report report = {};
  report.kind = wire::ReportKind::waiting;
  report.step = c.step;
  Piece piece = {&report, sizeof report};
  OneDescriptor control = {offsetof(OneDescriptor, padding), 1 /* SOL_SOCKET */, 1 /* SCM_RIGHTS */, 0, 0};
  Message message = {nullptr, 0, &piece, 1, nullptr, 0, 0};
  if (s.slot > 0) {
    control.fd = c.slots[s.slot];
    message.control = &control;
    message.control_bytes = sizeof control;
  }
  constexpr int kNoSignal = 0x4000;
  long r = sys::call(__NR_sendmsg, c.channel, sys::arg(&message), kNoSignal);
  if (r < 0) return check("sendmsg", r);
  if (s.slot > 0) {
    sys::close(c.slots[s.slot]);
    c.slots[s.slot] = -1;
  }
  await_word(c);
  return {};
}

}  // namespace tsubo
