// SPDX-License-Identifier: Apache-2.0
//
// The exit status of a child, in the format of src/host/binding.d.ts.
#pragma once

#include <signal.h>

#include "binding/value.h"

namespace tsubo::binding {

// The member `code` or `signal`, for a record with more members.
inline Fields::value_type wait_status_field(const siginfo_t& info) {
  return {info.si_code == CLD_EXITED ? "code" : "signal", Value::number(info.si_status)};
}

inline Value wait_status(const siginfo_t& info) { return Value::record({wait_status_field(info)}); }

}  // namespace tsubo::binding
