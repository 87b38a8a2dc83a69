// SPDX-License-Identifier: Apache-2.0
//
// The functions that the compiler calls for copies, fills and comparisons of structures. Other programs get them from a
// C library.
#include <stddef.h>

extern "C" {

void* memcpy(void* to, const void* from, size_t n) {
  auto* t = static_cast<char*>(to);
  auto* f = static_cast<const char*>(from);
  while (n-- > 0) *t++ = *f++;
  return to;
}
void* memmove(void* to, const void* from, size_t n) {
  auto* t = static_cast<char*>(to);
  auto* f = static_cast<const char*>(from);
  if (t < f) return memcpy(to, from, n);
  while (n-- > 0) t[n] = f[n];
  return to;
}
void* memset(void* to, int value, size_t n) {
  auto* t = static_cast<char*>(to);
  while (n-- > 0) *t++ = static_cast<char>(value);
  return to;
}
int memcmp(const void* a, const void* b, size_t n) {
  auto* x = static_cast<const unsigned char*>(a);
  auto* y = static_cast<const unsigned char*>(b);
  for (; n > 0; n--, x++, y++) {
    if (*x != *y) return *x - *y;
  }
  return 0;
}

}  // extern "C"
