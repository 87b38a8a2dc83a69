// SPDX-License-Identifier: Apache-2.0
//
// <string.h>. Most of what is copied is short: two overlapping moves of a fixed size, and no table of processors to
// choose from.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

namespace {

template <typename T>
inline T load(const void* from) {
  T value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}

template <typename T>
inline void store(void* to, T value) {
  __builtin_memcpy(to, &value, sizeof value);
}

typedef uint64_t Wide __attribute__((vector_size(16)));

// Both ends at once: all is read before anything is written, so the two may overlap.
template <typename T>
inline void move_ends(char* to, const char* from, size_t n) {
  T first = load<T>(from), last = load<T>(from + n - sizeof(T));
  store(to, first);
  store(to + n - sizeof(T), last);
}

inline bool move_short(char* to, const char* from, size_t n) {
  if (n > 32) return false;
  if (n >= 16) {
    move_ends<Wide>(to, from, n);
  } else if (n >= 8) {
    move_ends<uint64_t>(to, from, n);
  } else if (n >= 4) {
    move_ends<uint32_t>(to, from, n);
  } else if (n >= 2) {
    move_ends<uint16_t>(to, from, n);
  } else if (n == 1) {
    *to = *from;
  }
  return true;
}

}  // namespace

extern "C" {

void* memmove(void* to_, const void* from_, size_t n) noexcept {
  auto* to = static_cast<char*>(to_);
  auto* from = static_cast<const char*>(from_);
  if (move_short(to, from, n)) return to_;
  // The first or last 32 bytes are kept until the end: whatever overlaps is read before it is written.
  if (static_cast<size_t>(to - from) >= n) {
    Wide last = load<Wide>(from + n - 16), before = load<Wide>(from + n - 32);
    for (size_t at = 0; at < n - 32; at += 32) {
      Wide one = load<Wide>(from + at), other = load<Wide>(from + at + 16);
      store(to + at, one);
      store(to + at + 16, other);
    }
    store(to + n - 32, before);
    store(to + n - 16, last);
  } else {
    Wide first = load<Wide>(from), second = load<Wide>(from + 16);
    for (size_t end = n; end > 32; end -= 32) {
      Wide one = load<Wide>(from + end - 16), other = load<Wide>(from + end - 32);
      store(to + end - 16, one);
      store(to + end - 32, other);
    }
    store(to, first);
    store(to + 16, second);
  }
  return to_;
}

void* memcpy(void* to, const void* from, size_t n) noexcept __attribute__((alias("memmove")));

void* memset(void* to_, int value, size_t n) noexcept {
  auto* to = static_cast<char*>(to_);
  uint64_t all = 0x0101010101010101u * static_cast<unsigned char>(value);
  if (n >= 16) {
    Wide wide = {all, all};
    for (size_t at = 0; at < n - 16; at += 16) store(to + at, wide);
    store(to + n - 16, wide);
  } else if (n >= 8) {
    store(to, all);
    store(to + n - 8, all);
  } else {
    for (size_t i = 0; i < n; i++) to[i] = static_cast<char>(value);
  }
  return to_;
}

int memcmp(const void* one_, const void* other_, size_t n) noexcept {
  auto* one = static_cast<const unsigned char*>(one_);
  auto* other = static_cast<const unsigned char*>(other_);
  size_t at = 0;
  while (at + 8 <= n && load<uint64_t>(one + at) == load<uint64_t>(other + at)) at += 8;
  for (; at < n; at++) {
    if (one[at] != other[at]) return one[at] - other[at];
  }
  return 0;
}

void* memchr(const void* in, int c, size_t n) noexcept {
  auto* p = static_cast<const unsigned char*>(in);
  for (size_t i = 0; i < n; i++) {
    if (p[i] == static_cast<unsigned char>(c)) return const_cast<unsigned char*>(p + i);
  }
  return nullptr;
}

size_t strlen(const char* s) noexcept {
  size_t n = 0;
  while (s[n] != '\0') n++;
  return n;
}

size_t strnlen(const char* s, size_t most) noexcept {
  size_t n = 0;
  while (n < most && s[n] != '\0') n++;
  return n;
}

int strcmp(const char* one, const char* other) noexcept {
  while (*one != '\0' && *one == *other) one++, other++;
  return static_cast<unsigned char>(*one) - static_cast<unsigned char>(*other);
}

int strncmp(const char* one, const char* other, size_t n) noexcept {
  for (; n > 0; n--, one++, other++) {
    if (*one != *other || *one == '\0') {
      return static_cast<unsigned char>(*one) - static_cast<unsigned char>(*other);
    }
  }
  return 0;
}

char* strchr(const char* s, int c) noexcept {
  for (;; s++) {
    if (*s == static_cast<char>(c)) return const_cast<char*>(s);
    if (*s == '\0') return nullptr;
  }
}

char* strrchr(const char* s, int c) noexcept {
  char* last = nullptr;
  for (;; s++) {
    if (*s == static_cast<char>(c)) last = const_cast<char*>(s);
    if (*s == '\0') return last;
  }
}

char* strstr(const char* in, const char* what) noexcept {
  size_t n = strlen(what);
  for (;; in++) {
    if (strncmp(in, what, n) == 0) return const_cast<char*>(in);
    if (*in == '\0') return nullptr;
  }
}

// Bases 2 to 16. A prefix of blanks, a sign and `0x` are for other programs.
unsigned long long strtoull(const char* s, char** end, int base) noexcept {
  while (*s == ' ' || *s == '\t') s++;
  unsigned long long value = 0;
  for (;; s++) {
    int digit = *s >= '0' && *s <= '9' ? *s - '0' : (*s | 32) >= 'a' && (*s | 32) <= 'f' ? (*s | 32) - 'a' + 10 : 99;
    if (digit >= base) break;
    value = value * static_cast<unsigned>(base) + static_cast<unsigned>(digit);
  }
  if (end != nullptr) *end = const_cast<char*>(s);
  return value;
}

}  // extern "C"
