// SPDX-License-Identifier: Apache-2.0
//
// Executes the inputs in files, for compilers without libFuzzer.
#include <stdint.h>
#include <stdio.h>

#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  for (int i = 1; i < argc; i++) {
    FILE* file = fopen(argv[i], "rb");
    if (file == nullptr) return 2;
    std::vector<uint8_t> bytes(1 << 20);
    bytes.resize(fread(bytes.data(), 1, bytes.size(), file));
    fclose(file);
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  printf("%d\n", argc - 1);
  return 0;
}
