// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>

namespace tsubo::standalone {

// What `malloc` cuts its next blocks from, before it maps anything. Stays lent.
void lend_to_heap(void* begin, size_t bytes);

}  // namespace tsubo::standalone
