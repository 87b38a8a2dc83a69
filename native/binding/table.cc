// SPDX-License-Identifier: Apache-2.0
#include "binding/table.h"

namespace tsubo::binding {

const Function kFunctions[] = {
#define TSUBO_ENTRY(name, arguments) {#name, arguments, function::name},
    TSUBO_BINDING(TSUBO_ENTRY)
#undef TSUBO_ENTRY
};
const size_t kFunctionCount = sizeof kFunctions / sizeof *kFunctions;

std::string mismatch(const Function& function, const Arguments& arguments) {
  bool optional = false;
  size_t i = 0;
  for (const char* letter = function.arguments; *letter != '\0'; letter++) {
    if (*letter == '|') {
      optional = true;
      continue;
    }
    const Value absent;
    const Value& value = i < arguments.size() ? arguments[i] : absent;
    i++;
    if (value.is_undefined() && optional) continue;
    const char* wanted = nullptr;
    if (*letter == 's' && value.kind() != Value::Kind::text) wanted = "a string";
    if (*letter == 'n' && value.kind() != Value::Kind::number) wanted = "an integer";
    if (*letter == 'b' && value.kind() != Value::Kind::boolean) wanted = "a boolean";
    if (*letter == 'y' && value.kind() != Value::Kind::bytes) wanted = "a Uint8Array";
    if (*letter == 'r' && value.kind() != Value::Kind::record) wanted = "an object";
    if (wanted != nullptr) return std::string(function.name) + ": argument " + std::to_string(i) + " must be " + wanted;
  }
  if (arguments.size() > i) return std::string(function.name) + ": too many arguments";
  return "";
}

}  // namespace tsubo::binding
