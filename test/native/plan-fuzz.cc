// SPDX-License-Identifier: Apache-2.0
//
// plan-fuzz PLAN ROUNDS SEED: damages a well-formed plan in many ways and reads every result that the decoder accepts,
// each in a buffer of exactly its size. Built with ASan and UBSan: a read outside ends the program. Prints the number
// of accepted plans.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "walk_plan.h"

namespace {

uint64_t state;
uint64_t next() {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  FILE* file = fopen(argv[1], "rb");
  if (file == nullptr) return 2;
  std::vector<uint8_t> good(16u << 20);
  good.resize(fread(good.data(), 1, good.size(), file));
  fclose(file);
  long rounds = atol(argv[2]);
  state = strtoull(argv[3], nullptr, 10) | 1;

  Plan plan;
  if (!Plan::open(good.data(), good.size(), &plan)) return 3;
  walk(plan);
  long accepted = 0;
  for (long round = 0; round < rounds; round++) {
    size_t size = good.size();
    if (next() % 8 == 0) size = next() % (good.size() + 64);
    auto* bytes = static_cast<uint8_t*>(malloc(size > 0 ? size : 1));
    for (size_t i = 0; i < size; i++) bytes[i] = i < good.size() ? good[i] : static_cast<uint8_t>(next());
    for (uint64_t edits = next() % 6 + 1; edits > 0 && size >= 8; edits--) {
      size_t at = next() % (next() % 2 == 0 ? size : size < 512 ? size : 512);
      switch (next() % 3) {
        case 0:
          bytes[at] = static_cast<uint8_t>(next());
          break;
        case 1:
          bytes[at] ^= static_cast<uint8_t>(1u << (next() % 8));
          break;
        default: {
          // Whole words with values whose sum overflows.
          uint32_t word = next() % 2 == 0 ? static_cast<uint32_t>(next()) : ~static_cast<uint32_t>(next() % 64);
          memcpy(bytes + (at & ~size_t{3}) % (size - 3), &word, 4);
        }
      }
    }
    if (Plan::open(bytes, size, &plan)) {
      accepted++;
      walk(plan);
    }
    free(bytes);
  }
  printf("%ld accepted of %ld\n", accepted, rounds);
  return 0;
}
