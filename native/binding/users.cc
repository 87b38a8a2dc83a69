// SPDX-License-Identifier: Apache-2.0
//
// User namespaces, and operations on their processes that only the host may perform.
#include <errno.h>

#include "binding/short_lived.h"
#include "binding/table.h"

namespace tsubo::binding::function {

Outcome endInUserNamespace(const Arguments& a) {
  auto join = static_cast<int>(a[0].number());
  long pid;
  if (join < 0) {
    pid = in_child(CLONE_NEWUSER, [] {});
  } else {
    pid = in_child(0, [&] {
      if (sys::call(__NR_setns, join, CLONE_NEWUSER) < 0) sys::exit(1);
    });
  }
  if (pid < 0) return refused("clone3", static_cast<int>(-pid));
  return Value::number(pid);
}

namespace {

uint64_t decimal(const std::string& text) {
  uint64_t value = 0;
  for (char digit : text) value = value * 10 + static_cast<uint64_t>(digit - '0');
  return value;
}

}  // namespace

Outcome limitProcess(const Arguments& a) {
  sys::Rlimit64 limit = {decimal(a[2].text()), decimal(a[3].text())};
  long r = sys::call(__NR_prlimit64, a[0].number(), a[1].number(), sys::arg(&limit), 0);
  if (r < 0) return refused("prlimit64", static_cast<int>(-r));
  return {};
}

}  // namespace tsubo::binding::function
