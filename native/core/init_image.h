// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace tsubo {

// The static executable of native/init, as the build embedded it.
extern const unsigned char kInitImage[];
extern const size_t kInitImageBytes;

}  // namespace tsubo
