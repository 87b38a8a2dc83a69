// SPDX-License-Identifier: Apache-2.0
//
// The seccomp filter of the container. After this step it applies to the init too.
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "core/sync.h"
#include "wire/report.h"

namespace tsubo {

namespace {

static_assert(sizeof(sock_filter) == sizeof(uint64_t));

// The filter may send the init's own calls to the listener from the next call on, including the call that would pass
// the listener's descriptor. Therefore the init announces the descriptor's number in advance, and the runtime takes the
// descriptor from the init as soon as it exists.
Result announce(Context& c, int* number) {
  long lowest = sys::fcntl(c.channel, F_DUPFD_CLOEXEC, 0);
  if (lowest < 0) return check("fcntl", lowest);
  *number = static_cast<int>(lowest);
  sys::close(*number);
  wire::Report report = {};
  report.kind = wire::ReportKind::waiting;
  report.step = c.step;
  report.error = *number;
  return check("write", sys::write(c.channel, &report, sizeof report));
}

}  // namespace

Result run(Context& c, const wire::step::loadSeccomp& s) {
  static sock_filter program[BPF_MAXINSNS];
  if (s.program.count > BPF_MAXINSNS) return {EINVAL, "seccomp"};
  for (uint32_t i = 0; i < s.program.count; i++) {
    uint64_t bits = c.plan.number(s.program, i);
    program[i] = {static_cast<uint16_t>(bits), static_cast<uint8_t>(bits >> 16), static_cast<uint8_t>(bits >> 24),
                  static_cast<uint32_t>(bits >> 32)};
  }
  sock_fprog filter = {static_cast<uint16_t>(s.program.count), program};
  const bool listened = (s.flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0;
  int number = -1;
  if (listened) {
    if (Result r = announce(c, &number); !r.ok()) return r;
  }
  // `ready` needs this call, and the filter may refuse it there.
  if (Result r = outlive_runtime(c); !r.ok()) return r;
  long r = sys::call(__NR_seccomp, SECCOMP_SET_MODE_FILTER, static_cast<long>(s.flags), sys::arg(&filter));
  if (r < 0) return check("seccomp", r);
  c.filtered = true;
  if (listened) {
    // When this returns, the runtime holds the listener. An open copy here would hide the exit of the listening
    // process.
    await_resume(c);
    sys::close(number);
  }
  return {};
}

}  // namespace tsubo
