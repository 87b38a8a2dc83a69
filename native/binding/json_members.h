// SPDX-License-Identifier: Apache-2.0
//
// Finds a few members of a JSON text without building values of the others.
#pragma once

#include <stddef.h>

#include <string_view>
#include <vector>

namespace tsubo::binding {

struct Member {
  enum class Kind { text, number, object };

  // `name`, or `inner` of the object `name`.
  std::string_view name;
  std::string_view inner;
  Kind kind;
  // The value, a part of the text: a string without its quotes, an integer, or the text of an object. Empty if the
  // member is missing.
  std::string_view value;
};

// Finds the members of the object in `text`, counts all of its members, and checks the whole text. Returns false, with
// undefined values, if the text is not JSON or a value is not a plain part of the text: a string with escapes, a number
// that is not a small integer, a member of another type. The caller can then use a full parser.
bool find_members(std::string_view text, std::vector<Member>& members, size_t& count);

}  // namespace tsubo::binding
