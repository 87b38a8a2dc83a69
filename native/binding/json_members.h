// SPDX-License-Identifier: Apache-2.0
//
// A few members of a JSON text, found without making anything of the others.
#pragma once

#include <string_view>
#include <vector>

namespace tsubo::binding {

struct Member {
  enum class Kind { text, number, object };

  // `name`, or `name.inner` of an object.
  std::string_view name;
  std::string_view inner;
  Kind kind;
  // What was found, a part of the text: a string without its quotes, an integer, an object's own text. Empty when it is
  // not there.
  std::string_view value;
};

// Looks for the members of the object that `text` is. All of the text is checked on the way. False, with values of no
// meaning, for what is not JSON and for what a part of the text cannot stand for: a string with escapes, a number that
// is not a small integer, a member of another kind. Whoever has a whole parser may then ask that one.
bool find_members(std::string_view text, std::vector<Member>& members);

}  // namespace tsubo::binding
