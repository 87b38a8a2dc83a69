// SPDX-License-Identifier: Apache-2.0
//
// A record as `list` reads it. Accepted values are parts of the text.
#include <stdlib.h>

#include <string>

#include "binding/json_members.h"
#include "bytes.h"

using tsubo::binding::Member;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  std::vector<Member> members = {
      {"id", "", Member::Kind::text, {}},
      {"cgroup", "path", Member::Kind::text, {}},
      {"version", "", Member::Kind::number, {}},
      {"init", "pid", Member::Kind::number, {}},
      {"annotations", "", Member::Kind::object, {}},
  };
  size_t count = 0;
  if (!tsubo::binding::find_members(text, members, count)) return 0;
  if (count > size) abort();
  for (const Member& member : members) {
    const std::string_view value = member.value;
    if (value.empty()) continue;
    if (value.data() < text.data() || value.data() + value.size() > text.data() + text.size()) abort();
    if (member.kind == Member::Kind::text && value.find_first_of("\"\\") != std::string_view::npos) abort();
    if (member.kind == Member::Kind::object && (value.front() != '{' || value.back() != '}')) abort();
    if (member.kind == Member::Kind::number && value.find_first_not_of("-0123456789") != std::string_view::npos)
      abort();
  }
  return 0;
}
