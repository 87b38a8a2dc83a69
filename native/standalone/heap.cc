// SPDX-License-Identifier: Apache-2.0
//
// malloc of the whole executable, instead of musl's. The malloc of musl returns a page to the kernel when the last
// block in it is freed, and requests it again for the next block: 140 system calls and as many page faults in one
// `run`. A command runs for a few milliseconds, in one thread. Therefore blocks are cut from chunks whose pages one
// call maps, and freed blocks stay in the list of their size. Only blocks that are large enough for their own mapping
// are returned to the kernel.
#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

namespace {

constexpr size_t kAlign = 16;
// Mapping several pages with one call is cheaper than a page fault for each.
constexpr size_t kChunkBytes = 32 << 10;
// The sizes include the header; larger blocks are separate mappings. The limits add room for the header to a round
// size: the engine cuts small blocks from blocks of 1024 bytes, which must not be rounded up to 1280.
constexpr size_t kFineBytes = 1024 + kAlign;
constexpr size_t kCoarseBytes = (16 << 10) + kAlign;
constexpr size_t kSteps = 4;  // size classes per doubling between the two limits

// Precedes each block. The size includes the header; bit 0 marks a mapping.
struct Header {
  size_t bytes;
};

constexpr size_t kFineClasses = kFineBytes / kAlign + 1;
constexpr size_t kCoarseClasses = 4 * kSteps;
static_assert((kFineBytes - kAlign) << (kCoarseClasses / kSteps) == kCoarseBytes - kAlign);

struct Free {
  Free* next;
};
Free* free_lists[kFineClasses + kCoarseClasses];

// The rest of the newest chunk. The next block's header is at `cut`, eight bytes before a multiple of kAlign.
unsigned char* cut = nullptr;
unsigned char* end = nullptr;

Header* header_of(void* p) { return static_cast<Header*>(p) - 1; }

bool is_mapping(const Header* header) { return (header->bytes & 1) != 0; }

// The first eight bytes of a mapping are unused, because the block must be aligned.
constexpr size_t kMappingBegin = kAlign;

void* map(size_t bytes, int flags) {
  void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  return p == MAP_FAILED ? nullptr : p;
}

struct Class {
  size_t index;
  size_t bytes;
};

// Returns the list for blocks of `bytes` (with the header) and the size of the blocks in it.
Class class_of(size_t bytes) {
  if (bytes <= kFineBytes) {
    const size_t index = (bytes + kAlign - 1) / kAlign;
    return {index, index * kAlign};
  }
  const size_t round = bytes - kAlign;
  const int doubling = 63 - __builtin_clzll(round - 1);
  const size_t step = (size_t{1} << doubling) / kSteps;
  const size_t whole = (round + step - 1) / step;  // kSteps + 1 to 2 * kSteps
  constexpr int kFirst = 10;
  static_assert(kFineBytes - kAlign == 1 << kFirst);
  return {kFineClasses + static_cast<size_t>(doubling - kFirst) * kSteps + whole - kSteps - 1, whole * step + kAlign};
}

// Returns 0 on overflow.
size_t mapping_bytes(size_t bytes) {
  constexpr size_t kPage = 4096;
  const size_t whole = (bytes + kMappingBegin + kPage - 1) & ~(kPage - 1);
  return whole < bytes ? 0 : whole;
}

void* new_mapping(size_t bytes) {
  const size_t whole = mapping_bytes(bytes);
  if (whole == 0) return nullptr;
  auto* p = static_cast<unsigned char*>(map(whole, 0));
  if (p == nullptr) return nullptr;
  header_of(p + kMappingBegin)->bytes = whole | 1;
  return p + kMappingBegin;
}

// mremap moves the pages without a copy.
void* resized_mapping(void* p, size_t bytes) {
  const size_t whole = mapping_bytes(bytes);
  if (whole == 0) return nullptr;
  Header* header = header_of(p);
  void* moved =
      mremap(static_cast<unsigned char*>(p) - kMappingBegin, header->bytes & ~size_t{1}, whole, MREMAP_MAYMOVE);
  if (moved == MAP_FAILED) return nullptr;
  void* block = static_cast<unsigned char*>(moved) + kMappingBegin;
  header_of(block)->bytes = whole | 1;
  return block;
}

void* new_block(size_t bytes) {
  if (static_cast<size_t>(end - cut) < bytes) {
    // The rest of the previous chunk is not used any more.
    auto* chunk = static_cast<unsigned char*>(map(kChunkBytes, MAP_POPULATE));
    if (chunk == nullptr) return nullptr;
    cut = chunk + kAlign - sizeof(Header);
    end = chunk + kChunkBytes;
  }
  auto* header = reinterpret_cast<Header*>(cut);
  header->bytes = bytes;
  cut += bytes;
  return header + 1;
}

void* allocate(size_t bytes) {
  const size_t least = sizeof(Header) + sizeof(Free);
  const size_t whole = bytes + sizeof(Header);
  void* p;
  if (whole < bytes || whole > kCoarseBytes) {
    p = whole < bytes ? nullptr : new_mapping(bytes);
  } else {
    const Class of = class_of(whole < least ? least : whole);
    Free*& first = free_lists[of.index];
    p = first;
    if (p != nullptr)
      first = first->next;
    else
      p = new_block(of.bytes);
  }
  if (p == nullptr) errno = ENOMEM;
  return p;
}

}  // namespace

extern "C" {

void* malloc(size_t bytes) { return allocate(bytes); }

void free(void* p) {
  if (p == nullptr) return;
  Header* header = header_of(p);
  if (is_mapping(header)) {
    const int before = errno;
    munmap(static_cast<unsigned char*>(p) - kMappingBegin, header->bytes & ~size_t{1});
    errno = before;
    return;
  }
  Free*& first = free_lists[class_of(header->bytes).index];
  auto* block = static_cast<Free*>(p);
  block->next = first;
  first = block;
}

size_t malloc_usable_size(void* p) {
  if (p == nullptr) return 0;
  const Header* header = header_of(p);
  return is_mapping(header) ? (header->bytes & ~size_t{1}) - kMappingBegin : header->bytes - sizeof(Header);
}

void* calloc(size_t count, size_t bytes) {
  size_t whole;
  if (__builtin_mul_overflow(count, bytes, &whole)) {
    errno = ENOMEM;
    return nullptr;
  }
  void* p = allocate(whole);
  // A new mapping is already zeroed.
  if (p != nullptr && !is_mapping(header_of(p))) memset(p, 0, whole);
  return p;
}

void* realloc(void* p, size_t bytes) {
  if (p == nullptr) return allocate(bytes);
  const size_t usable = malloc_usable_size(p);
  if (bytes <= usable && !is_mapping(header_of(p))) return p;
  if (is_mapping(header_of(p)) && bytes + sizeof(Header) > kCoarseBytes) {
    void* moved = resized_mapping(p, bytes);
    if (moved == nullptr) errno = ENOMEM;
    return moved;
  }
  void* moved = allocate(bytes);
  if (moved == nullptr) return nullptr;
  memcpy(moved, p, bytes < usable ? bytes : usable);
  free(p);
  return moved;
}

}  // extern "C"
