// SPDX-License-Identifier: Apache-2.0
//
// Checks the heap of the executable against the contract of malloc: blocks are aligned, keep their content, never
// overlap, and are zero after calloc. Prints "good" or the failure.
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

// Beside the heap of the C library.
#define malloc tested_malloc
#define free tested_free
#define calloc tested_calloc
#define realloc tested_realloc
#define malloc_usable_size tested_usable_size
#include "../../native/standalone/heap.cc"
#undef malloc
#undef free
#undef calloc
#undef realloc
#undef malloc_usable_size

namespace {

constexpr int kBlocks = 600;
constexpr int kRounds = 150000;

struct Held {
  unsigned char* at;
  size_t bytes;
  unsigned char mark;
};
Held held[kBlocks];

uint32_t random_state = 1;
uint32_t any(uint32_t below) {
  random_state = random_state * 1664525 + 1013904223;
  return static_cast<uint32_t>((static_cast<uint64_t>(random_state) * below) >> 32);
}

// Mostly small sizes, like those of an engine, and some around each size class limit of the heap.
size_t any_size() {
  switch (any(8)) {
    case 0:
      return any(3);
    case 1:
      return kFineBytes - 20 + any(40);
    case 2:
      return kCoarseBytes - 20 + any(40);
    case 3:
      return any(200000);
    case 4:
      return any(kCoarseBytes);
    default:
      return any(300);
  }
}

int wrong(const char* what, size_t bytes) {
  printf("%s of %zu bytes\n", what, bytes);
  return 1;
}

int check(const Held& one) {
  if (reinterpret_cast<uintptr_t>(one.at) % kAlign != 0) return wrong("unaligned block", one.bytes);
  if (tested_usable_size(one.at) < one.bytes) return wrong("small block", one.bytes);
  for (size_t i = 0; i < one.bytes; i++) {
    if (one.at[i] != one.mark) return wrong("overwritten block", one.bytes);
  }
  return 0;
}

}  // namespace

int main() {
  for (int round = 0; round < kRounds; round++) {
    Held& one = held[any(kBlocks)];
    const size_t bytes = any_size();
    const auto mark = static_cast<unsigned char>(round);
    if (one.at != nullptr && check(one) != 0) return 1;
    if (one.at != nullptr && any(3) != 0) {
      tested_free(one.at);
      one.at = nullptr;
      continue;
    }
    size_t kept = 0;
    if (one.at != nullptr) {
      kept = bytes < one.bytes ? bytes : one.bytes;
      one.at = static_cast<unsigned char*>(tested_realloc(one.at, bytes));
    } else if (any(4) == 0) {
      one.at = static_cast<unsigned char*>(tested_calloc(1, bytes));
      for (size_t i = 0; one.at != nullptr && i < bytes; i++) {
        if (one.at[i] != 0) return wrong("calloc that is not zero", bytes);
      }
    } else {
      one.at = static_cast<unsigned char*>(tested_malloc(bytes));
    }
    if (one.at == nullptr) return wrong("no block", bytes);
    for (size_t i = 0; i < kept; i++) {
      if (one.at[i] != one.mark) return wrong("realloc that loses", bytes);
    }
    // The whole block may be used.
    one.bytes = tested_usable_size(one.at);
    one.mark = mark;
    memset(one.at, mark, one.bytes);
  }
  for (const Held& one : held) {
    if (one.at != nullptr && check(one) != 0) return 1;
  }
  // Sizes that exceed any memory.
  const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 8, SIZE_MAX / 2};
  for (size_t bytes : sizes) {
    errno = 0;
    if (tested_malloc(bytes) != nullptr || errno != ENOMEM) return wrong("block", bytes);
  }
  errno = 0;
  if (tested_calloc(SIZE_MAX / 2, 3) != nullptr || errno != ENOMEM) return wrong("calloc", SIZE_MAX);
  puts("good");
  return 0;
}
