// SPDX-License-Identifier: Apache-2.0
//
// <math.h> as far as the engine's numbers need it; what JavaScript's Math would call and a container runtime never
// does; and time zones, which Date is not asked for.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <initializer_list>

extern "C" {
#include "dtoa.h"
}

extern "C" double scalbn(double x, int n) noexcept;
extern "C" double frexp(double x, int* exponent) noexcept;

namespace {

constexpr int kFractionBits = 52;
constexpr int kBias = 1023;
constexpr uint64_t kSign = 1ull << 63;
constexpr uint64_t kHidden = 1ull << kFractionBits;

uint64_t bits_of(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

double from_bits(uint64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

int exponent_field(uint64_t bits) { return static_cast<int>(bits >> kFractionBits & 0x7ff); }

// A positive finite number other than 0 as `fraction` * 2^(exponent), the fraction with its highest bit at 52.
struct Parts {
  uint64_t fraction;
  int exponent;
};

Parts parts_of(uint64_t bits) {
  uint64_t fraction = bits & (kHidden - 1);
  int field = exponent_field(bits);
  if (field != 0) return {fraction | kHidden, field - kBias - kFractionBits};
  int up = __builtin_clzll(fraction) - (63 - kFractionBits);
  return {fraction << up, 1 - kBias - kFractionBits - up};
}

// What follows computes in long doubles, which have 64 bits or more, so that the double it ends in is nearly always the
// nearest one.

// Of a positive finite number.
long double binary_logarithm(double x) {
  int exponent;
  long double m = frexp(x, &exponent);
  if (m < 0.70710678118654752440L) {
    m *= 2;
    exponent--;
  }
  // ln m = 2 (s + s^3/3 + s^5/5 + ...), s below 0.172
  long double s = (m - 1) / (m + 1), power = s, sum = 0;
  for (int n = 1; n < 31; n += 2, power *= s * s) sum += power / n;
  return 2 * sum * 1.44269504088896340735992468100189214L + exponent;
}

double power_of_two(long double x) {
  if (x > 1100) return __builtin_inf();
  if (x < -1200) return 0;
  int whole = static_cast<int>(x < 0 ? x - 0.5L : x + 0.5L);
  long double t = (x - whole) * 0.693147180559945309417232121458176568L, term = 1, sum = 1;
  for (int n = 1; n < 22; n++) {
    term *= t / n;
    sum += term;
  }
  return scalbn(static_cast<double>(sum), whole);
}

[[noreturn]] void missing(const char* name) {
  for (const char* word : {"tsubo: no ", name, " in this program\n"}) {
    [[maybe_unused]] ssize_t written = write(STDERR_FILENO, word, strlen(word));
  }
  abort();
}

}  // namespace

extern "C" {

// 2^n can be more than a double holds: in steps that leave only the last multiplication something to round.
double scalbn(double x, int n) noexcept {
  for (int times = 0; times < 3 && n > 1023; times++, n -= 1023) x *= 0x1p1023;
  for (int times = 0; times < 3 && n < -1022; times++, n += 969) x *= 0x1p-969;
  n = n > 1023 ? 1023 : n < -1022 ? -1022 : n;
  return x * from_bits(static_cast<uint64_t>(n + kBias) << kFractionBits);
}

double frexp(double x, int* exponent) noexcept {
  uint64_t bits = bits_of(x);
  *exponent = 0;
  if (x == 0 || exponent_field(bits) == 0x7ff) return x;
  Parts parts = parts_of(bits & ~kSign);
  *exponent = parts.exponent + kFractionBits + 1;
  return from_bits((bits & kSign) | static_cast<uint64_t>(kBias - 1) << kFractionBits |
                   (parts.fraction & (kHidden - 1)));
}

double modf(double x, double* whole) noexcept {
  *whole = __builtin_trunc(x);
  if (exponent_field(bits_of(x)) == 0x7ff) return x != x ? x : from_bits(bits_of(x) & kSign);
  return __builtin_copysign(x - *whole, x);
}

// Half away from zero.
double round(double x) noexcept {
  double whole = __builtin_trunc(x);
  double rest = x - whole;
  if (rest >= 0.5) whole += 1;
  if (rest <= -0.5) whole -= 1;
  return __builtin_copysign(whole, x);
}

// Half to even.
long lrint(double x) noexcept {
  constexpr double kWhole = 0x1p52;
  double to = __builtin_copysign(kWhole, x);
  volatile double rounded = x + to;
  return static_cast<long>(__builtin_fabs(x) < kWhole ? rounded - to : x);
}

// Exact: the division of the fractions, one bit after the other.
double fmod(double x, double y) noexcept {
  uint64_t a = bits_of(x) & ~kSign, b = bits_of(y) & ~kSign;
  if (b == 0 || exponent_field(a) == 0x7ff || b > 0x7ff0000000000000u) return __builtin_nan("");
  if (a < b) return x;
  Parts rest = parts_of(a), by = parts_of(b);
  for (int shift = rest.exponent - by.exponent;; shift--) {
    if (rest.fraction >= by.fraction) rest.fraction -= by.fraction;
    if (shift == 0) break;
    rest.fraction <<= 1;
  }
  double magnitude = scalbn(static_cast<double>(rest.fraction), by.exponent);
  return __builtin_copysign(magnitude, x);
}

double log2(double x) noexcept {
  if (x == 0) return -__builtin_inf();
  if (!(x > 0)) return __builtin_nan("");
  return x - x != 0 ? x : static_cast<double>(binary_logarithm(x));
}

double pow(double x, double y) noexcept {
  if (y == 0 || x == 1) return 1;
  if (x != x || y != y) return __builtin_nan("");
  bool whole = __builtin_fabs(y) >= 0x1p53 || __builtin_trunc(y) == y;
  bool odd = whole && __builtin_fabs(y) < 0x1p53 && (static_cast<int64_t>(y) & 1) != 0;
  double sign = (bits_of(x) & kSign) != 0 && odd ? -1 : 1, base = __builtin_fabs(x);
  if (x < 0 && !whole && base - base == 0) return __builtin_nan("");
  if (base == 1) return sign;
  if (y - y != 0) return (base > 1) == (y > 0) ? __builtin_inf() : 0;
  if (base == 0 || base - base != 0) return sign * ((base == 0) == (y > 0) ? 0 : __builtin_inf());
  return sign * power_of_two(y * binary_logarithm(base));
}

// What has been found to be a number of JSON.
double strtod(const char* s, char** end) noexcept {
  JSATODTempMem memory;
  const char* next;
  double value = js_atod(s, &next, 10, 0, &memory);
  if (end != nullptr) *end = const_cast<char*>(next);
  return value;
}

tm* localtime_r(const time_t*, tm* utc) noexcept {
  // the engine looks at tm_gmtoff alone
  memset(utc, 0, sizeof *utc);
  return utc;
}

}  // extern "C"

#define TSUBO_ONE(name) \
  extern "C" double name(double) { missing(#name); }
#define TSUBO_TWO(name) \
  extern "C" double name(double, double) { missing(#name); }

// clang-format off
TSUBO_ONE(acos) TSUBO_ONE(acosh) TSUBO_ONE(asin) TSUBO_ONE(asinh) TSUBO_ONE(atan) TSUBO_ONE(atanh) TSUBO_ONE(cbrt)
TSUBO_ONE(cos) TSUBO_ONE(cosh) TSUBO_ONE(exp) TSUBO_ONE(expm1) TSUBO_ONE(log) TSUBO_ONE(log10) TSUBO_ONE(log1p)
TSUBO_ONE(sin) TSUBO_ONE(sinh) TSUBO_ONE(tan) TSUBO_ONE(tanh)
TSUBO_TWO(atan2) TSUBO_TWO(hypot)
    // clang-format on
