// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

namespace tsubo::binding {

// Returns the length of the well-formed sequence at `at`, or 0. Surrogates, code points beyond U+10FFFF and overlong
// sequences are not well-formed.
inline size_t utf8_sequence(const std::string& text, size_t at) {
  const auto byte = [&](size_t i) {
    return at + i < text.size() ? static_cast<uint8_t>(text[at + i]) : static_cast<uint8_t>(0);
  };
  const auto follows = [&](size_t i) { return byte(i) >= 0x80 && byte(i) <= 0xbf; };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool in_range = !(first == 0xe0 && byte(1) < 0xa0) && !(first == 0xed && byte(1) > 0x9f);
    return in_range && follows(1) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool in_range = !(first == 0xf0 && byte(1) < 0x90) && !(first == 0xf4 && byte(1) > 0x8f);
    return in_range && follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

// Returns the index of the first byte that is not part of well-formed UTF-8, or the size of the text.
inline size_t first_not_utf8(const std::string& text) {
  size_t at = 0;
  while (at < text.size()) {
    uint64_t eight;
    // Fast path: nearly all text is ASCII.
    if (at + sizeof eight <= text.size()) {
      memcpy(&eight, text.data() + at, sizeof eight);
      if ((eight & 0x8080808080808080u) == 0) {
        at += sizeof eight;
        continue;
      }
    }
    const size_t length = utf8_sequence(text, at);
    if (length == 0) return at;
    at += length;
  }
  return at;
}

// Replaces each byte that is not part of well-formed UTF-8 by U+FFFD, like Go's encoding/json. The engines of the two
// hosts would each replace such bytes differently.
inline std::string to_utf8(const std::string& text, size_t first_wrong) {
  std::string out(text, 0, first_wrong);
  for (size_t at = first_wrong; at < text.size();) {
    const size_t length = utf8_sequence(text, at);
    if (length == 0) {
      out += "\xef\xbf\xbd";
      at++;
    } else {
      out.append(text, at, length);
      at += length;
    }
  }
  return out;
}

}  // namespace tsubo::binding
