// SPDX-License-Identifier: Apache-2.0
#include "binding/json_members.h"

#include <stddef.h>

namespace tsubo::binding {

namespace {

// Deeper than any text that tsubo writes, and small enough for the stack.
constexpr int kDeepest = 32;
// Integers of this length are exact as JavaScript numbers.
constexpr size_t kMostDigits = 15;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

class Scanner {
 public:
  Scanner(std::string_view text, std::vector<Member>& members)
      : at_(text.data()), end_(text.data() + text.size()), members_(members) {}

  bool document() {
    blanks();
    return object(0, {}) && (blanks(), at_ == end_);
  }

  size_t count() const { return count_; }

 private:
  char peek() const { return at_ < end_ ? *at_ : '\0'; }

  bool take(char c) {
    if (peek() != c || at_ == end_) return false;
    at_++;
    return true;
  }

  void blanks() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) at_++;
  }

  // `plain`: the string has no escapes, therefore its value is the text between the quotes.
  bool string(std::string_view* inside, bool* plain) {
    if (!take('"')) return false;
    const char* begin = at_;
    *plain = true;
    for (; at_ < end_; at_++) {
      if (*at_ == '"') {
        *inside = {begin, static_cast<size_t>(at_ - begin)};
        at_++;
        return true;
      }
      if (static_cast<unsigned char>(*at_) < 0x20) return false;
      if (*at_ != '\\') continue;
      *plain = false;
      at_++;
      if (!escape()) return false;
    }
    return false;
  }

  // Starts after the backslash; leaves `at_` on the last character.
  bool escape() {
    if (peek() != 'u') return at_ < end_ && std::string_view("\"\\/bfnrt").find(*at_) != std::string_view::npos;
    for (int i = 0; i < 4; i++) {
      at_++;
      if (!is_hex(peek())) return false;
    }
    return true;
  }

  bool digits() {
    if (!is_digit(peek())) return false;
    while (is_digit(peek())) at_++;
    return true;
  }

  bool number(bool* integer) {
    const char* begin = at_;
    take('-');
    if (!take('0') && !digits()) return false;
    *integer = static_cast<size_t>(at_ - begin) <= kMostDigits;
    if (take('.')) {
      *integer = false;
      if (!digits()) return false;
    }
    if (take('e') || take('E')) {
      *integer = false;
      if (!take('+')) take('-');
      return digits();
    }
    return true;
  }

  bool word(std::string_view expected) {
    if (std::string_view(at_, static_cast<size_t>(end_ - at_)).substr(0, expected.size()) != expected) return false;
    at_ += expected.size();
    return true;
  }

  // `wanted` is null for a value that was not requested.
  bool value(int depth, std::string_view name, Member* wanted) {
    const char* begin = at_;
    std::string_view inside;
    bool exact = true;
    Member::Kind kind;
    switch (peek()) {
      case '"':
        if (!string(&inside, &exact)) return false;
        kind = Member::Kind::text;
        break;
      case '{':
        if (!object(depth + 1, name)) return false;
        kind = Member::Kind::object;
        break;
      case '[':
        return array(depth + 1) && wanted == nullptr;
      case 't':
        return word("true") && wanted == nullptr;
      case 'f':
        return word("false") && wanted == nullptr;
      case 'n':
        return word("null") && wanted == nullptr;
      default:
        if (!number(&exact)) return false;
        kind = Member::Kind::number;
    }
    if (wanted == nullptr) return true;
    wanted->value = kind == Member::Kind::text ? inside : std::string_view(begin, static_cast<size_t>(at_ - begin));
    return exact && kind == wanted->kind;
  }

  Member* wanted_at(int depth, std::string_view outer, std::string_view name) {
    if (depth > 1 || (depth == 1 && outer.empty())) return nullptr;
    for (Member& member : members_) {
      if (depth == 0 ? member.inner.empty() && member.name == name : member.inner == name && member.name == outer) {
        return &member;
      }
    }
    return nullptr;
  }

  bool object(int depth, std::string_view outer) {
    if (depth > kDeepest || !take('{')) return false;
    blanks();
    if (take('}')) return true;
    do {
      std::string_view name;
      bool plain;
      blanks();
      // A name with escapes might be a requested one.
      if (!string(&name, &plain) || (!plain && depth < 2)) return false;
      blanks();
      if (!take(':')) return false;
      if (depth == 0) count_++;
      blanks();
      if (!value(depth, depth == 0 ? name : std::string_view(), wanted_at(depth, outer, name))) return false;
      blanks();
    } while (take(','));
    return take('}');
  }

  bool array(int depth) {
    if (depth > kDeepest || !take('[')) return false;
    blanks();
    if (take(']')) return true;
    do {
      blanks();
      if (!value(depth, {}, nullptr)) return false;
      blanks();
    } while (take(','));
    return take(']');
  }

  const char* at_;
  const char* end_;
  std::vector<Member>& members_;
  size_t count_ = 0;
};

}  // namespace

bool find_members(std::string_view text, std::vector<Member>& members, size_t& count) {
  for (Member& member : members) member.value = {};
  Scanner scanner(text, members);
  const bool found = scanner.document();
  count = scanner.count();
  return found;
}

}  // namespace tsubo::binding
