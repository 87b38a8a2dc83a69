// SPDX-License-Identifier: Apache-2.0
//
// A plan as the init receives it: the decoder accepts it only if every field of every step can be read.
#include <stdlib.h>

#include "../../native/walk_plan.h"
#include "bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A buffer of exactly this size: the sanitizer sees each access behind it.
  auto* bytes = static_cast<uint8_t*>(malloc(size > 0 ? size : 1));
  memcpy(bytes, data, size);
  Plan plan;
  if (Plan::open(bytes, size, &plan)) walk(plan);
  free(bytes);
  return 0;
}
