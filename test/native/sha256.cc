// SPDX-License-Identifier: Apache-2.0
//
// Prints the digest of the standard input twice: computed with the instructions of the processor, and without them.
#include "unpack/sha256.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int, char** argv) {
  std::string text;
  char piece[4096];
  ssize_t n;
  while ((n = read(0, piece, sizeof piece)) > 0) text.append(piece, static_cast<size_t>(n));
  const auto step = static_cast<size_t>(atol(argv[1]));
  for (bool portable : {false, true}) {
    tsubo::unpack::Sha256 hash(portable ? tsubo::unpack::Sha256::Use::portable : tsubo::unpack::Sha256::Use::fastest);
    for (size_t at = 0; at < text.size(); at += step) {
      const size_t size = text.size() - at < step ? text.size() - at : step;
      hash.update(reinterpret_cast<const uint8_t*>(text.data()) + at, size);
    }
    printf(portable ? " %s\n" : "%s", hash.hex().c_str());
  }
  return 0;
}
