// SPDX-License-Identifier: Apache-2.0
//
// String operations of the init, on fixed buffers.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace tsubo::text {

inline size_t length(const char* s) {
  size_t n = 0;
  while (s[n] != '\0') n++;
  return n;
}

inline bool equal(const char* a, const char* b) {
  // clang-tidy cannot determine the end of a text. NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult)
  while (*a != '\0' && *a == *b) a++, b++;
  return *a == *b;
}

inline bool equal(const char* a, const char* b, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

inline bool starts(const char* s, const char* prefix) {
  while (*prefix != '\0') {
    if (*s++ != *prefix++) return false;
  }
  return true;
}

inline const char* find(const char* s, char c) {
  for (; *s != '\0'; s++) {
    if (*s == c) return s;
  }
  return nullptr;
}

// A string in a fixed array. It records whether a part did not fit.
template <size_t Size>
class Buffer {
 public:
  Buffer() { data_[0] = '\0'; }
  const char* c_str() const { return data_; }
  size_t size() const { return used_; }
  bool overflowed() const { return overflowed_; }
  void clear() { truncate(0), overflowed_ = false; }
  void truncate(size_t size) { used_ = size, data_[size] = '\0'; }

  Buffer& add(const char* s) { return add(s, length(s)); }
  Buffer& add(const char* s, size_t n) {
    if (n > Size - 1 - used_) {
      n = Size - 1 - used_;
      overflowed_ = true;
    }
    // clang-tidy does not relate `n` to the size of `s`. NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign)
    for (size_t i = 0; i < n; i++) data_[used_ + i] = s[i];
    truncate(used_ + n);
    return *this;
  }
  Buffer& add_number(uint64_t value, unsigned base = 10) {
    char digits[24];
    size_t n = 0;
    do digits[n++] = "0123456789abcdef"[value % base];
    while ((value /= base) != 0);
    while (n > 0) add(&digits[--n], 1);
    return *this;
  }

 private:
  // These members precede the text: a short text in a long buffer then touches only the first page.
  size_t used_ = 0;
  bool overflowed_ = false;
  char data_[Size];
};

inline constexpr size_t kPathMax = 4096;
using Path = Buffer<kPathMax>;

}  // namespace tsubo::text
