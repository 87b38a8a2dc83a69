// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>

namespace tsubo {

// A static executable that the build embeds.
struct Image {
  const unsigned char* data;
  size_t bytes;
};

extern const Image kInitImage;    // native/init
extern const Image kKeeperImage;  // native/keeper
extern const Image kReaperImage;  // native/reaper

}  // namespace tsubo
