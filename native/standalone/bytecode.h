// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace tsubo::standalone {

// The bundled TypeScript, compiled by the build.
extern const unsigned char kProgram[];
extern const size_t kProgramBytes;

}  // namespace tsubo::standalone
