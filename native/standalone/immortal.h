// SPDX-License-Identifier: Apache-2.0
//
// Replaces the engine's own JS_REF_COUNT while it is compiled (quickjs.mjs of native/build). A count of TSUBO_FOR_EVER
// can be read but is never written. All objects in the snapshot have this count, therefore changes of counts do not
// copy pages of the file. The engine's uses of counts stay correct: such an object is shared, never the last reference,
// and not free.
#pragma once

#define TSUBO_FOR_EVER 0x40000000

static inline int* tsubo_ref_count(JSMallocBlockHeader* block) {
  static int elsewhere;
  if (block->ref_count < TSUBO_FOR_EVER) return &block->ref_count;
  elsewhere = TSUBO_FOR_EVER;
  return &elsewhere;
}

#define JS_REF_COUNT(p) (*tsubo_ref_count(js_rc(p)))

// Nonzero: each small block is allocated separately with JSMallocFunctions, because the snapshot places each block
// alone.
extern int tsubo_large_blocks_only;
