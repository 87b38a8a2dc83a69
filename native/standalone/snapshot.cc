// SPDX-License-Identifier: Apache-2.0
#include "standalone/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace tsubo::standalone {

namespace {

constexpr uint64_t kMagic = 0x31706e734f425354;  // 0: fresh from the linker; other values: no snapshot

// The engine allocates in the arena.
bool filling = false;

// Freed blocks of the arena, for reuse while it is filled: a list for each small size, and one for all others.
struct Free {
  Free* next;
};
constexpr size_t kSmallBytes = 2048;
Free* small_lists[kSmallBytes / kBlockAlign + 1];
Free* large_list = nullptr;

#ifdef TSUBO_PINNED_ENGINE
// Each small block gets a place of its own, instead of one beside the others of its size.
void place_small_blocks_alone(bool alone) { tsubo_large_blocks_only = alone ? 1 : 0; }
#else
void place_small_blocks_alone(bool) {}
#endif

Free*& list_of(size_t bytes) { return bytes <= kSmallBytes ? small_lists[bytes / kBlockAlign] : large_list; }

static_assert(sizeof(Snapshot) <= kFirstBlock);

Snapshot* header() { return reinterpret_cast<Snapshot*>(tsubo_arena); }

bool in_arena(const void* p) {
  return reinterpret_cast<uintptr_t>(p) - reinterpret_cast<uintptr_t>(tsubo_arena) < header()->bytes;
}

// Large enough for its own mapping: after the free, its memory can be reused in any size.
constexpr size_t kReserveBytes = 256 << 10;

// Freed when an allocation of the engine first fails: undoing the command needs memory too.
void* reserve = nullptr;
bool refused = false;

void* or_release(void* p) {
  if (p != nullptr) return p;
  free(reserve);
  reserve = nullptr;
  refused = true;
  return nullptr;
}

// Returns a block of exactly this size; a large one may have up to an eighth more.
void* take_free(size_t bytes) {
  const size_t most = bytes <= kSmallBytes ? bytes : bytes + bytes / 8;
  Free** best = nullptr;
  for (Free** at = &list_of(bytes); *at != nullptr; at = &(*at)->next) {
    size_t has = block_of(*at)->bytes;
    if (has < bytes || has > most) continue;
    if (best == nullptr || has < block_of(*best)->bytes) best = at;
    if (has == bytes) break;
  }
  if (best == nullptr) return nullptr;
  Free* found = *best;
  *best = found->next;
  return found;
}

void* take(void*, size_t bytes) {
  if (!filling) return or_release(malloc(bytes));
  size_t whole = bytes == 0 ? kBlockAlign : (bytes + kBlockAlign - 1) & ~(kBlockAlign - 1);
  if (whole < bytes) return nullptr;
  if (void* again = take_free(whole)) return again;
  Block* block = new_block(whole);
  return block == nullptr ? nullptr : block + 1;
}

void* take_zeroed(void* opaque, size_t count, size_t bytes) {
  if (!filling) return or_release(calloc(count, bytes));
  void* p = take(opaque, count * bytes);
  if (p != nullptr) memset(p, 0, count * bytes);
  return p;
}

// Blocks of the snapshot are not freed: freeing would write to them, and a page shared with the file would be copied.
void give_back(void*, void* p) {
  if (p == nullptr) return;
  if (!in_arena(p)) return free(p);
  if (!filling) return;
  auto* block = static_cast<Free*>(p);
  Free*& list = list_of(block_of(p)->bytes);
  block->next = list;
  list = block;
}

size_t usable(const void* p) {
  if (!in_arena(p)) return malloc_usable_size(const_cast<void*>(p));
  return block_of(p)->bytes;
}

void* resize(void* opaque, void* p, size_t bytes) {
  if (p == nullptr) return take(opaque, bytes);
  if (!in_arena(p)) return bytes == 0 ? realloc(p, 0) : or_release(realloc(p, bytes));
  size_t before = block_of(p)->bytes;
  if (bytes <= before) return p;
  void* moved = take(opaque, bytes);
  if (moved == nullptr) return nullptr;
  memcpy(moved, p, before);
  give_back(opaque, p);
  return moved;
}

}  // namespace

const JSMallocFunctions kMemory = {take_zeroed, take, give_back, resize, usable};

const Snapshot* snapshot() { return header()->magic == kMagic ? header() : nullptr; }

bool keep_reserve() {
  reserve = malloc(kReserveBytes);
  return reserve != nullptr;
}

bool memory_ran_out() { return refused; }

bool can_make_snapshot() { return header()->magic == 0; }

bool making_snapshot() { return filling; }

void begin_snapshot() {
  filling = true;
  place_small_blocks_alone(true);
  header()->bytes = kArenaBytes;
}

#ifdef TSUBO_PINNED_ENGINE

void seed_for_snapshot(JSContext* context) { tsubo_seed(context); }

void settle_snapshot(JSRuntime* runtime) {
  tsubo_settle(runtime);
  for (size_t i = 0; i < block_count(); i++) tsubo_settle_large(block_at(i) + 1);
  filling = false;
  place_small_blocks_alone(false);
}

bool is_shape(const Block* block) { return tsubo_is_shape(block + 1) != 0; }

bool write_snapshot(const char* path, Snapshot made) {
  made.magic = kMagic;
  made.bytes = arena_used();
  *header() = made;
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (fd < 0) return false;
  ssize_t n = write(fd, tsubo_arena, made.bytes);
  return close(fd) == 0 && n == static_cast<ssize_t>(made.bytes);
}

#else

void seed_for_snapshot(JSContext*) {}
void settle_snapshot(JSRuntime*) {}
bool is_shape(const Block*) { return false; }

// An engine of another version may keep state outside its heap.
bool write_snapshot(const char*, Snapshot) {
  errno = ENOTSUP;
  return false;
}

#endif

}  // namespace tsubo::standalone
