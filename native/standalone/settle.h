// SPDX-License-Identifier: Apache-2.0
//
// The end of the engine's own source while it is compiled (.ci/quickjs.mjs).
#pragma once

void tsubo_settle(JSRuntime* runtime);
void tsubo_settle_large(void* block);
void tsubo_seed(JSContext* context);

// For a context that becomes part of the snapshot, before it has any map: without this the seed is the time, and no two
// builds are the same.
void tsubo_seed(JSContext* context) {
  context->random_state = 1;
  context->hash_seed = 0x7f4a7c15;
}

static JSMallocBlockHeader* tsubo_block(JSArena* arena, unsigned index) {
  return (JSMallocBlockHeader*)arena_get_block(arena, index, arena_block_sizes[arena->block_size_idx]);
}

// For a heap that becomes the snapshot. Nothing in it is counted any more, and no new block is put between those that
// are there: new ones have pages of their own, each of them full of what is new. `tsubo_settle_large` does the first
// for a block that the engine has from JSMallocFunctions.
void tsubo_settle(JSRuntime* runtime) {
  for (int size = 0; size < JS_ARENA_BLOCK_SIZE_COUNT; size++) {
    struct list_head* at;
    list_for_each(at, &runtime->arena_state.arena_list[size]) {
      JSArena* arena = list_entry(at, JSArena, link);
      // Also where it is no count: then nobody looks at it.
      for (unsigned i = 0; i < arena->n_blocks; i++) tsubo_block(arena, i)->ref_count = TSUBO_FOR_EVER;
      // What is free may become something that is counted.
      for (unsigned i = arena->first_free_block; i != JS_ARENA_FREE_NIL; i = tsubo_block(arena, i)->u.free_next) {
        tsubo_block(arena, i)->ref_count = 0;
      }
    }
    init_list_head(&runtime->arena_state.free_arena_list[size]);
    // Only who ends the runtime asks for all of them, and a new one would be entered in the one before it.
    init_list_head(&runtime->arena_state.arena_list[size]);
  }
}

void tsubo_settle_large(void* p) {
  JSMallocBlockHeader* block = p;
  // What else there is begins with a pointer.
  if (block->u.block_idx == JS_ARENA_FREE_NIL && block->block_size_idx == 0xff) block->ref_count = TSUBO_FOR_EVER;
}
