// SPDX-License-Identifier: Apache-2.0
//
// How a child ended, as src/host/binding.d.ts has it.
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
