// SPDX-License-Identifier: Apache-2.0
//
// The exit status of a child, in the format of src/host/binding.d.ts.
#pragma once

#include <signal.h>

#include "binding/value.h"

namespace tsubo::binding {

inline Value wait_status(const siginfo_t& info) {
  Fields fields;
  fields.emplace_back(info.si_code == CLD_EXITED ? "code" : "signal", Value::number(info.si_status));
  return Value::record(std::move(fields));
}

}  // namespace tsubo::binding
