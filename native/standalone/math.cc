// SPDX-License-Identifier: Apache-2.0
//
// What JavaScript's Math would call and a container runtime never does (a weight of cpu needs log2 and pow), and time
// zones, which Date is not asked for. The C library's own are 380 KB of the executable: with these here the linker
// leaves them out.
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <initializer_list>

namespace {

[[noreturn]] void missing(const char* name) {
  for (const char* word : {"tsubo: no ", name, " in this program\n"}) {
    [[maybe_unused]] ssize_t written = write(STDERR_FILENO, word, strlen(word));
  }
  abort();
}

}  // namespace

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

    extern "C" tm* localtime_r(const time_t*, tm* utc) noexcept {
  // the engine looks at tm_gmtoff alone
  memset(utc, 0, sizeof *utc);
  return utc;
}
