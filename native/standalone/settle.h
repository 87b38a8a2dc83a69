// SPDX-License-Identifier: Apache-2.0
//
// Appended to the engine's own source before it is compiled (native/build/quickjs.mjs).
#pragma once

int tsubo_large_blocks_only = 0;

void tsubo_settle(JSRuntime* runtime);
void tsubo_settle_large(void* block);
int tsubo_is_shape(const void* block);
void tsubo_seed(JSContext* context);

// Sets a fixed seed for a context of the snapshot, before any map exists. Otherwise the time is the seed, and two
// builds differ.
void tsubo_seed(JSContext* context) {
  context->random_state = 1;
  context->hash_seed = 0x7f4a7c15;
}

static JSMallocBlockHeader* tsubo_block(JSArena* arena, unsigned index) {
  return (JSMallocBlockHeader*)arena_get_block(arena, index, arena_block_sizes[arena->block_size_idx]);
}

// Prepares a heap for the snapshot. The counts of its objects become constant, and the allocator drops its free gaps:
// new blocks get new pages, which contain only new blocks. `tsubo_settle_large` sets the count of a block that the
// engine allocated with JSMallocFunctions.
void tsubo_settle(JSRuntime* runtime) {
  // The table of shapes must not grow in a command, because that writes to every shape. The commands that use the most
  // memory make fewer new shapes than the snapshot contains.
  while (runtime->shape_hash_size < 4 * runtime->shape_hash_count) {
    if (resize_shape_hash(runtime, runtime->shape_hash_bits + 1) < 0) break;
  }
  for (int size = 0; size < JS_ARENA_BLOCK_SIZE_COUNT; size++) {
    struct list_head* at;
    list_for_each(at, &runtime->arena_state.arena_list[size]) {
      JSArena* arena = list_entry(at, JSArena, link);
      // The field is not a count in every block; the engine does not read it in the others.
      for (unsigned i = 0; i < arena->n_blocks; i++) tsubo_block(arena, i)->ref_count = TSUBO_FOR_EVER;
      // A free block may later become a counted object.
      for (unsigned i = arena->first_free_block; i != JS_ARENA_FREE_NIL; i = tsubo_block(arena, i)->u.free_next) {
        tsubo_block(arena, i)->ref_count = 0;
      }
    }
    init_list_head(&runtime->arena_state.free_arena_list[size]);
    // Only the end of the runtime walks this list, and a new arena would be linked into the previous one, which would
    // write to it.
    init_list_head(&runtime->arena_state.arena_list[size]);
  }
}

void tsubo_settle_large(void* p) {
  JSMallocBlockHeader* block = p;
  // Other allocations begin with a pointer.
  if (block->u.block_idx == JS_ARENA_FREE_NIL && block->block_size_idx == 0xff) block->ref_count = TSUBO_FOR_EVER;
}

int tsubo_is_shape(const void* p) {
  const JSMallocBlockHeader* block = p;
  return block->block_size_idx == 0xff && block->gc_obj_type == JS_GC_OBJ_TYPE_SHAPE;
}
