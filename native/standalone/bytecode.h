// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace tsubo::standalone {

// The bundled TypeScript, compiled by the build: `main` first, then what it loads when it is needed.
struct Chunk {
  const char* name;
  const unsigned char* bytecode;
  size_t bytes;
};
extern const Chunk kChunks[];
extern const size_t kChunkCount;

}  // namespace tsubo::standalone
