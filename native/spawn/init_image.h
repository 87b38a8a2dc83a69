// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace tsubo {

// The static executable of native/init, which the build embeds.
extern const unsigned char kInitImage[];
extern const size_t kInitImageBytes;

}  // namespace tsubo
