// SPDX-License-Identifier: Apache-2.0
//
// The filter of the container's system calls. From this step on it holds for the init as well.
#include <linux/errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "core/context.h"

namespace tsubo {

static_assert(sizeof(sock_filter) == sizeof(uint64_t));

Result run(Context& c, const wire::step::loadSeccomp& s) {
  static sock_filter program[BPF_MAXINSNS];
  if (s.program.count > BPF_MAXINSNS) return {EINVAL, "seccomp"};
  for (uint32_t i = 0; i < s.program.count; i++) {
    uint64_t bits = c.plan.number(s.program, i);
    program[i] = {static_cast<uint16_t>(bits), static_cast<uint8_t>(bits >> 16), static_cast<uint8_t>(bits >> 24),
                  static_cast<uint32_t>(bits >> 32)};
  }
  sock_fprog filter = {static_cast<uint16_t>(s.program.count), program};
  return check("seccomp",
               sys::call(__NR_seccomp, SECCOMP_SET_MODE_FILTER, static_cast<long>(s.flags), sys::arg(&filter)));
}

}  // namespace tsubo
