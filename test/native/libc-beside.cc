// SPDX-License-Identifier: Apache-2.0
//
// native/standalone/libc, its names prefixed with own_, beside the machine's C library. Prints one line for each
// difference, then how much was compared.
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <random>
#include <vector>

extern "C" {
double own_fmod(double, double);
double own_scalbn(double, int);
double own_frexp(double, int*);
double own_modf(double, double*);
double own_round(double);
long own_lrint(double);
double own_log2(double);
double own_pow(double, double);
double own_strtod(const char*, char**);
unsigned long long own_strtoull(const char*, char**, int);
void* own_memmove(void*, const void*, size_t);
void* own_memset(void*, int, size_t);
int own_memcmp(const void*, const void*, size_t);
char* own_strstr(const char*, const char*);
int own_snprintf(char*, size_t, const char*, ...);
void* own_malloc(size_t);
void* own_calloc(size_t, size_t);
void* own_realloc(void*, size_t);
void own_free(void*);
size_t own_malloc_usable_size(void*);

// what they in turn refer to
ssize_t own_write(int fd, const void* from, size_t size) { return write(fd, from, size); }
void own_abort() { abort(); }
int* own___errno_location() { return &errno; }
}

namespace {

std::mt19937_64 random_bits(4);
long compared = 0, different = 0;

void expect(bool same, const char* what, double x = 0, double y = 0) {
  compared++;
  if (!same && different++ < 20) printf("%s differs: %a %a\n", what, x, y);
}

bool same(double one, double other) { return (one != one && other != other) || memcmp(&one, &other, 8) == 0; }

double any_number() {
  uint64_t bits = random_bits();
  double x;
  switch (bits % 4) {
    case 0:
      return static_cast<double>(static_cast<int64_t>(bits) >> (bits >> 8) % 64);
    case 1:
      return static_cast<double>(static_cast<int64_t>(bits) >> 44) / 2;
    case 2:
      bits &= 0x800fffffffffffffu;  // so small that they have fewer bits
      [[fallthrough]];
    default:
      memcpy(&x, &bits, 8);
      return x;
  }
}

void numbers() {
  for (double x : {0.0, -0.0, 0.5, -0.5, 1.5, 2.5, 0x1p52, 0x1p53, -0x1p51, 5e-324, 1.7976931348623157e308, double{NAN},
                   double{INFINITY}}) {
    for (double y : {0.0, 1.0, -3.0, 5e-324, 0x1p-1022, 0x1p1023, double{NAN}, -double{INFINITY}}) {
      expect(same(own_fmod(x, y), fmod(x, y)), "fmod", x, y);
    }
    expect(same(own_round(x), round(x)), "round", x);
  }
  for (int i = 0; i < 200000; i++) {
    double x = any_number(), y = any_number(), ours, theirs;
    int n, m;
    expect(same(own_fmod(x, y), fmod(x, y)), "fmod", x, y);
    expect(same(own_frexp(x, &n), frexp(x, &m)) && (n == m || x != x || x - x != 0), "frexp", x);
    expect(same(own_modf(x, &ours), modf(x, &theirs)) && same(ours, theirs), "modf", x);
    expect(same(own_round(x), round(x)), "round", x);
    if (fabs(x) < 0x1p62) expect(own_lrint(x) == lrint(x), "lrint", x);
    int by = static_cast<int>(random_bits() % 2200) - 1100;
    double scaled = scalbn(x, by);
    if (fabs(scaled) >= 0x1p-1022 || scaled == 0) expect(same(own_scalbn(x, by), scaled), "scalbn", x, by);
    char text[64];
    if (x - x == 0) {
      snprintf(text, sizeof text, i % 2 != 0 ? "%.17g" : "%.6e", x);
      expect(same(own_strtod(text, nullptr), strtod(text, nullptr)), "strtod", x);
    }
    snprintf(text, sizeof text, "%lx ", static_cast<unsigned long>(random_bits()));
    expect(own_strtoull(text, nullptr, 16) == strtoull(text, nullptr, 16), "strtoull");
  }
}

// The machine's are not always the nearest either.
bool near(double one, double other) {
  if (same(one, other)) return true;
  return nextafter(one, other) == other;
}

void powers() {
  for (double x : {0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, double{INFINITY}, -double{INFINITY}, double{NAN}}) {
    for (double y :
         {0.0, 1.0, -1.0, 2.0, 3.0, -3.0, 0.5, -0.5, 0x1p60, double{INFINITY}, -double{INFINITY}, double{NAN}}) {
      expect(same(own_pow(x, y), pow(x, y)), "pow", x, y);
    }
    expect(same(own_log2(x), log2(x)), "log2", x);
  }
  for (int i = 0; i < 100000; i++) {
    double x = fabs(any_number());
    expect(near(own_log2(x), log2(x)), "log2", x);
    double z = ldexp(static_cast<double>(random_bits() >> 11), -static_cast<int>(random_bits() % 60));
    double by = ldexp(static_cast<double>(random_bits() % 4096), -9) - 4;
    expect(near(own_pow(z, by), pow(z, by)) || fabs(pow(z, by)) < 0x1p-1000, "pow", z, by);
    expect(near(own_pow(10, by), pow(10, by)), "pow", 10, by);
  }
  // src/cgroup/cpu.ts: exactly the same weights
  for (int shares = 2; shares <= 262144; shares++) {
    double ours = own_log2(shares), theirs = log2(shares);
    double weight = ceil(own_pow(10, (ours * ours + 125 * ours) / 612 - 7.0 / 34));
    expect(weight == ceil(pow(10, (theirs * theirs + 125 * theirs) / 612 - 7.0 / 34)), "weight", shares, weight);
  }
}

void memory_moves() {
  unsigned char ours[1024], theirs[1024];
  for (size_t n = 0; n < 300; n++) {
    for (int i = 0; i < 60; i++) {
      for (size_t b = 0; b < sizeof ours; b++) ours[b] = theirs[b] = static_cast<unsigned char>(random_bits());
      size_t from = random_bits() % (sizeof ours - n), to = random_bits() % (sizeof ours - n);
      // near each other, on either side
      if (i % 2 == 0 && from + 40 + n < sizeof ours) to = from + random_bits() % 40;
      if (i % 4 == 1 && from >= 40) to = from - random_bits() % 40;
      expect(own_memmove(ours + to, ours + from, n) == ours + to, "memmove");
      memmove(theirs + to, theirs + from, n);
      expect(memcmp(ours, theirs, sizeof ours) == 0, "memmove", static_cast<double>(n));
      own_memset(ours + from, i, n);
      memset(theirs + from, i, n);
      expect(memcmp(ours, theirs, sizeof ours) == 0, "memset", static_cast<double>(n));
      if (n > 0) ours[from + random_bits() % n] ^= 4;
      int one = own_memcmp(ours + from, theirs + from, n), other = memcmp(ours + from, theirs + from, n);
      expect((one < 0) == (other < 0) && (one > 0) == (other > 0), "memcmp", static_cast<double>(n));
    }
  }
  const char* in = "ababac abac";
  for (const char* what : {"", "abac", "abac ", "b", "c abac", "d", "abacx"}) {
    expect(own_strstr(in, what) == strstr(in, what), "strstr");
  }
}

template <typename... Values>
void print(const char* format, Values... values) {
  for (size_t size : {size_t{0}, size_t{1}, size_t{7}, size_t{200}}) {
    char ours[200] = "?", theirs[200] = "?";
    int one = own_snprintf(ours, size, format, values...), other = snprintf(theirs, size, format, values...);
    expect(one == other && strcmp(ours, theirs) == 0, format);
  }
}

void text() {
  for (const char* format :
       {"%d", "%5d|", "%-5d|", "%05d", "%+d", "% d", "%.3d", "%8.3d|", "%-8.3d|", "%i%%", "%2.0d"}) {
    for (int value : {0, 1, -1, 42, -12345, INT32_MAX, INT32_MIN}) print(format, value);
  }
  for (const char* format : {"%u", "%x", "%X", "%04x", "%08x", "%-4u|", "%4.2x|", "%hhx", "%hu"}) {
    for (unsigned value : {0u, 7u, 255u, 65535u, 4000000000u}) print(format, value);
  }
  for (long value : {0l, -1l, INT64_MAX, INT64_MIN}) print("%ld %lx %zu %jd %lld", value, value, value, value, value);
  for (const char* value : {"", "a", "a longer text"})
    print("%s|%10s|%-10s|%.3s|%*s|%.*s|", value, value, value, value, 4, value, 2, value);
  print("%c%5c%-3c|", 'x', 'y', 'z');
  print("%p", static_cast<void*>(&compared));
  print("nothing");
}

void heap() {
  struct Block {
    unsigned char* at;
    size_t size;
    unsigned char mark;
  };
  std::vector<Block> blocks;
  for (int i = 0; i < 60000; i++) {
    size_t size = random_bits() % (1u << random_bits() % 19);
    bool zeroed = i % 3 == 0;
    auto* at = static_cast<unsigned char*>(zeroed ? own_calloc(1, size) : own_malloc(size));
    expect(at != nullptr && reinterpret_cast<uintptr_t>(at) % 16 == 0 && own_malloc_usable_size(at) >= size, "malloc");
    for (size_t b = 0; zeroed && b < size; b++) {
      if (at[b] != 0) expect(false, "calloc", static_cast<double>(size));
    }
    blocks.push_back({at, size, static_cast<unsigned char>(i)});
    memset(at, i, own_malloc_usable_size(at));
    while (blocks.size() > 300) {
      Block& block = blocks[random_bits() % blocks.size()];
      if (i % 2 == 0) {
        size_t fresh = random_bits() % (1u << random_bits() % 19);
        block.at = static_cast<unsigned char*>(own_realloc(block.at, fresh));
        if (fresh < block.size) block.size = fresh;
      }
      bool kept = true;
      for (size_t b = 0; b < block.size; b++) kept = kept && block.at[b] == block.mark;
      expect(kept, "realloc", static_cast<double>(block.size));
      own_free(block.at);
      block = blocks.back();
      blocks.pop_back();
    }
  }
  expect(own_malloc(SIZE_MAX - 100) == nullptr && own_calloc(SIZE_MAX / 2, 3) == nullptr, "too much");
}

}  // namespace

int main() {
  numbers();
  powers();
  memory_moves();
  text();
  heap();
  printf("%ld compared, %ld different\n", compared, different);
}
