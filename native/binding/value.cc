// SPDX-License-Identifier: Apache-2.0
#include "binding/value.h"

namespace tsubo::binding {

Value Value::list(std::vector<Value> items) {
  Value v(Kind::list, 0);
  v.items_ = std::move(items);
  return v;
}

Value Value::record(Fields fields) {
  Value v(Kind::record, 0);
  v.fields_ = std::move(fields);
  return v;
}

const Value& Value::field(const char* name) const {
  static const Value absent;
  for (const auto& [key, value] : fields_) {
    if (key == name) return value;
  }
  return absent;
}

Outcome refused(const char* syscall, int error, std::string path) {
  Outcome outcome;
  outcome.syscall = syscall;
  outcome.error = error;
  outcome.path = std::move(path);
  return outcome;
}

}  // namespace tsubo::binding
