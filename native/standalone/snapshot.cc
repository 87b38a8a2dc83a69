// SPDX-License-Identifier: Apache-2.0
#include "standalone/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The arena has its own section without contents. The linker gives it a separate segment at an address far from all
// others (elf.mjs of native/build). Filling it moves nothing else, therefore the snapshot fits the executable that made
// it.
#define TSUBO_ARENA_BYTES 0x1000000
asm(".pushsection .tsubo_arena,\"aw\",%nobits\n"
    ".balign 65536\n"
    ".globl tsubo_arena\n"
    "tsubo_arena: .zero 0x1000000\n"
    ".popsection\n");
extern "C" unsigned char tsubo_arena[TSUBO_ARENA_BYTES];

namespace tsubo::standalone {

namespace {

constexpr uint64_t kMagic = 0x31706e734f425354;  // 0: fresh from the linker; other values: no snapshot
constexpr size_t kAlign = 16;

// Precedes each block. The size is needed to move the block.
struct alignas(kAlign) Block {
  size_t bytes;
};

// The offset of the first block, after the header.
constexpr size_t kFirst = (sizeof(Snapshot) + kAlign - 1) & ~(kAlign - 1);

size_t used = 0;  // bytes of the arena that are used while it is filled

// Freed blocks of the arena, for reuse while it is filled.
struct Free {
  Free* next;
};
Free* waiting = nullptr;

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

Block* block_of(const void* p) { return static_cast<Block*>(const_cast<void*>(p)) - 1; }

// Returns the smallest block that fits without much waste. The search is linear, because only the build uses it.
void* take_waiting(size_t bytes) {
  Free** best = nullptr;
  for (Free** at = &waiting; *at != nullptr; at = &(*at)->next) {
    size_t has = block_of(*at)->bytes;
    if (has < bytes || has > bytes + bytes / 8) continue;
    if (best == nullptr || has < block_of(*best)->bytes) best = at;
  }
  if (best == nullptr) return nullptr;
  Free* found = *best;
  *best = found->next;
  return found;
}

void* take(void*, size_t bytes) {
  if (!making_snapshot()) return or_release(malloc(bytes));
  size_t whole = bytes == 0 ? kAlign : (bytes + kAlign - 1) & ~(kAlign - 1);
  if (whole < bytes) return nullptr;
  if (void* again = take_waiting(whole)) return again;
  if (whole + sizeof(Block) > TSUBO_ARENA_BYTES - used) return nullptr;
  auto* block = reinterpret_cast<Block*>(tsubo_arena + used);
  used += sizeof(Block) + whole;
  block->bytes = whole;
  return block + 1;
}

void* take_zeroed(void* opaque, size_t count, size_t bytes) {
  if (!making_snapshot()) return or_release(calloc(count, bytes));
  void* p = take(opaque, count * bytes);
  if (p != nullptr) memset(p, 0, count * bytes);
  return p;
}

// Blocks of the snapshot are not freed: freeing would write to them, and a page shared with the file would be copied.
void give_back(void*, void* p) {
  if (p == nullptr) return;
  if (!in_arena(p)) return free(p);
  if (!making_snapshot()) return;
  auto* block = static_cast<Free*>(p);
  block->next = waiting;
  waiting = block;
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

bool making_snapshot() { return used != 0; }

void begin_snapshot() {
  used = kFirst;
  header()->bytes = TSUBO_ARENA_BYTES;
}

#ifdef TSUBO_PINNED_ENGINE

void seed_for_snapshot(JSContext* context) { tsubo_seed(context); }

bool write_snapshot(const char* path, Snapshot made) {
  tsubo_settle(made.runtime);
  for (size_t at = kFirst; at != used;) {
    auto* block = reinterpret_cast<Block*>(tsubo_arena + at);
    tsubo_settle_large(block + 1);
    at += sizeof(Block) + block->bytes;
  }
  made.magic = kMagic;
  made.bytes = used;
  *header() = made;
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (fd < 0) return false;
  ssize_t n = write(fd, tsubo_arena, used);
  return close(fd) == 0 && n == static_cast<ssize_t>(used);
}

#else

void seed_for_snapshot(JSContext*) {}

// An engine of another version may keep state outside its heap.
bool write_snapshot(const char*, Snapshot) {
  errno = ENOTSUP;
  return false;
}

#endif

}  // namespace tsubo::standalone
