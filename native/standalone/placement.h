// SPDX-License-Identifier: Apache-2.0
//
// The places of the snapshot's blocks in the arena: README.md, "The order of the heap".
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace tsubo::standalone {

constexpr size_t kArenaBytes = 0xf000000;
constexpr size_t kBlockAlign = 8;
// The offset of the first block: before it is the header of the snapshot.
constexpr size_t kFirstBlock = 64;

extern "C" unsigned char tsubo_arena[kArenaBytes];

// Precedes each block. The size is needed to move the block.
struct alignas(kBlockAlign) Block {
  size_t bytes;
};

inline Block* block_of(const void* p) { return static_cast<Block*>(const_cast<void*>(p)) - 1; }

// Gives each block pages of its own, because a rehearsal detects the use of a block by its pages.
void place_apart();

// Places the blocks of a list that write_used has written before all others, in its order. Returns false and sets errno
// if it cannot be read.
bool place_in_order(const char* path);

// Returns null if the arena is full. Blocks are numbered in the order of these calls, which is the same in both passes
// of the build.
Block* new_block(size_t bytes);
size_t block_count();
Block* block_at(size_t number);

// The bytes from the beginning of the arena to the end of the last block.
size_t arena_used();

// From here on, the first access to each block is noted, and the first write to it. Requires place_apart.
bool watch_blocks();
// Writes the numbers and sizes of blocks: of the used ones in the order of their first use, those that were written to
// before all others, and then of the unused ones that `also` selects. Returns false and sets errno on failure.
bool write_used(const char* path, bool (*also)(const Block*));

}  // namespace tsubo::standalone
