// SPDX-License-Identifier: Apache-2.0
//
// Takes the place of the engine's own JS_REF_COUNT while it is compiled (.ci/quickjs.mjs): a count of kForEver is read
// as that and written nowhere. What the snapshot holds has it, so pages of the file are not copied for the sake of a
// count. All that the engine does with counts stays right: what lives for ever is shared, never the last reference, and
// not free.
#pragma once

#define TSUBO_FOR_EVER 0x40000000

static inline int* tsubo_ref_count(JSMallocBlockHeader* block) {
  static int elsewhere;
  if (block->ref_count < TSUBO_FOR_EVER) return &block->ref_count;
  elsewhere = TSUBO_FOR_EVER;
  return &elsewhere;
}

#define JS_REF_COUNT(p) (*tsubo_ref_count(js_rc(p)))
