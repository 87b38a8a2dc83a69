// SPDX-License-Identifier: Apache-2.0
//
// The heap of a program that lives some milliseconds: blocks are cut from the top and kept by size when they are given
// back; nothing is joined again. Large ones are the kernel's, which can also move them.
#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <new>

#include "core/syscall.h"

using namespace tsubo;

namespace {

// Before each block: the bytes it and this take, a multiple of 16; so the block itself is at a multiple of 16.
constexpr size_t kHead = 8;
constexpr size_t kSmallest = 32;
constexpr size_t kLargest = 64 << 10;  // from here on the kernel's
constexpr size_t kPage = 4096;
constexpr size_t kGrowth = 256 << 10;

// Every 16 bytes up to 1 KiB, then four sizes for each doubling.
constexpr size_t kEven = 1024;
constexpr size_t kClasses = kEven / 16 + 1 + 4 * 6;

struct Free {
  Free* next;
};
Free* kept[kClasses];

char* top = nullptr;
char* end = nullptr;

size_t& size_of(void* p) { return *reinterpret_cast<size_t*>(static_cast<char*>(p) - kHead); }

// The class of a size, which is rounded up to what all of its class have.
size_t class_of(size_t* size) {
  if (*size <= kEven) {
    *size = *size < kSmallest ? kSmallest : (*size + 15) & ~size_t{15};
    return *size / 16;
  }
  int doubling = 63 - __builtin_clzll(*size - 1);  // 10 is 1 KiB
  size_t step = (size_t{1} << doubling) / 4;
  size_t quarter = (*size - 1 - (size_t{1} << doubling)) / step;
  *size = (size_t{1} << doubling) + (quarter + 1) * step;
  return kEven / 16 + 1 + static_cast<size_t>(doubling - 10) * 4 + quarter;
}

void* map(size_t bytes) {
  long at =
      sys::call(__NR_mmap, 0, static_cast<long>(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return at < 0 && at > -4096 ? nullptr : reinterpret_cast<void*>(at);
}

// A block of the kernel's begins 16 bytes into its pages.
size_t pages_for(size_t bytes) { return (bytes + 16 + kPage - 1) & ~(kPage - 1); }

void* take_large(size_t bytes) {
  size_t whole = pages_for(bytes);
  if (whole < bytes) return nullptr;
  auto* at = static_cast<char*>(map(whole));
  if (at == nullptr) return nullptr;
  size_of(at + 16) = whole - kHead;
  return at + 16;
}

bool is_large(size_t size) { return size > kLargest; }

bool grow() {
  // What is left of the last piece is lost unless the next one follows it.
  for (size_t bytes = kGrowth; bytes >= kLargest + kPage; bytes /= 2) {
    auto* more = static_cast<char*>(map(bytes));
    if (more == nullptr) continue;
    // so that what follows the head is at a multiple of 16
    if (more != end) top = more + kHead;
    end = more + bytes;
    return true;
  }
  return false;
}

void* take(size_t bytes) {
  size_t size = bytes + kHead;
  if (size > kLargest || size < bytes) return take_large(bytes);
  size_t at = class_of(&size);
  if (Free* block = kept[at]; block != nullptr) {
    kept[at] = block->next;
    return block;
  }
  while (static_cast<size_t>(end - top) < size) {
    if (!grow()) return nullptr;
  }
  void* block = top + kHead;
  top += size;
  size_of(block) = size;
  return block;
}

void* or_errno(void* p) {
  if (p == nullptr) errno = ENOMEM;
  return p;
}

}  // namespace

extern "C" {

void* malloc(size_t bytes) noexcept { return or_errno(take(bytes)); }

void free(void* p) noexcept {
  if (p == nullptr) return;
  size_t size = size_of(p);
  if (is_large(size)) {
    sys::call(__NR_munmap, sys::arg(static_cast<char*>(p) - 16), static_cast<long>(size + kHead));
    return;
  }
  auto* block = static_cast<Free*>(p);
  size_t at = class_of(&size);
  block->next = kept[at];
  kept[at] = block;
}

size_t malloc_usable_size(void* p) noexcept {
  if (p == nullptr) return 0;
  return size_of(p) - kHead;
}

void* calloc(size_t count, size_t bytes) noexcept {
  size_t all;
  if (__builtin_mul_overflow(count, bytes, &all)) return or_errno(nullptr);
  void* p = or_errno(take(all));
  // pages of the kernel's are zero
  if (p != nullptr && !is_large(size_of(p))) memset(p, 0, all);
  return p;
}

void* realloc(void* p, size_t bytes) noexcept {
  if (p == nullptr) return malloc(bytes);
  size_t had = malloc_usable_size(p);
  if (is_large(size_of(p)) && bytes > kLargest) {
    size_t whole = pages_for(bytes);
    if (whole < bytes) return or_errno(nullptr);
    long at = sys::call(__NR_mremap, sys::arg(static_cast<char*>(p) - 16), static_cast<long>(size_of(p) + kHead),
                        static_cast<long>(whole), MREMAP_MAYMOVE);
    if (at < 0 && at > -4096) return or_errno(nullptr);
    p = reinterpret_cast<char*>(at) + 16;
    size_of(p) = whole - kHead;
    return p;
  }
  if (bytes <= had) return p;
  void* moved = malloc(bytes);
  if (moved == nullptr) return nullptr;
  memcpy(moved, p, had);
  free(p);
  return moved;
}

}  // extern "C"

namespace {
std::new_handler out_of_memory = nullptr;
}

std::new_handler std::set_new_handler(std::new_handler handler) noexcept {
  std::new_handler before = out_of_memory;
  out_of_memory = handler;
  return before;
}

void* operator new(size_t bytes) {
  while (true) {
    void* p = malloc(bytes);
    if (p != nullptr) return p;
    if (out_of_memory == nullptr) abort();
    out_of_memory();
  }
}
void* operator new[](size_t bytes) { return operator new(bytes); }
void operator delete(void* p) noexcept { free(p); }
void operator delete[](void* p) noexcept { free(p); }
void operator delete(void* p, size_t) noexcept { free(p); }
void operator delete[](void* p, size_t) noexcept { free(p); }

// What the containers of the C++ library would throw.
namespace std {
[[noreturn]] void __throw_bad_alloc() { abort(); }
[[noreturn]] void __throw_bad_array_new_length() { abort(); }
[[noreturn]] void __throw_length_error(const char*) { abort(); }
[[noreturn]] void __throw_logic_error(const char*) { abort(); }
[[noreturn]] void __throw_out_of_range(const char*) { abort(); }
[[noreturn]] void __throw_out_of_range_fmt(const char*, ...) { abort(); }
[[noreturn]] void __throw_invalid_argument(const char*) { abort(); }
}  // namespace std
