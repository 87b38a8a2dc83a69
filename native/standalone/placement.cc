// SPDX-License-Identifier: Apache-2.0
#include "standalone/placement.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

// The arena has its own section without contents. The linker gives it a separate segment at an address far from all
// others (elf.mjs of native/build). Filling it moves nothing else, therefore the snapshot fits the executable that made
// it.
asm(".pushsection .tsubo_arena,\"aw\",%nobits\n"
    ".balign 65536\n"
    ".globl tsubo_arena\n"
    "tsubo_arena: .zero 0xf000000\n"
    ".popsection\n");

namespace tsubo::standalone {

namespace {

constexpr size_t kPage = 4096;
constexpr size_t kMostBlocks = 65536;

struct Place {
  uint32_t offset;
  uint32_t bytes;  // with the header; 0 for none
};

// An entry of the list of used blocks.
struct Used {
  uint32_t number;
  uint32_t bytes;
};

enum class Seen : uint8_t { nothing, read, written };

struct Tables {
  Place places[kMostBlocks];  // by number; place_in_order sets those of blocks that are not made yet
  Seen seen[kMostBlocks];     // by number
  Used used[kMostBlocks];
  size_t used_count;
  uint32_t on_page[kArenaBytes / kPage];  // the number of the block on each page, plus 1
};

// Only the build writes to the variables below.
bool apart = false;
size_t end = kFirstBlock;
size_t count = 0;

// Mapped at the first use, because commands do not need the tables.
Tables& tables() {
  static Tables* made = nullptr;
  if (made == nullptr) {
    void* p = mmap(nullptr, sizeof(Tables), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) abort();
    made = static_cast<Tables*>(p);
  }
  return *made;
}

size_t whole_pages(size_t bytes) { return (bytes + kPage - 1) & ~(kPage - 1); }

void on_access(int, siginfo_t* info, void*) {
  const size_t at = reinterpret_cast<uintptr_t>(info->si_addr) - reinterpret_cast<uintptr_t>(tsubo_arena);
  const uint32_t number = at < kArenaBytes ? tables().on_page[at / kPage] : 0;
  // An access elsewhere is a fault of the program: repeated without the handler, it ends the build.
  if (number == 0) {
    signal(SIGSEGV, SIG_DFL);
    return;
  }
  const Place& place = tables().places[number - 1];
  Seen& before = tables().seen[number - 1];
  const bool first = before == Seen::nothing;
  if (first) tables().used[tables().used_count++] = {number - 1, place.bytes};
  before = first ? Seen::read : Seen::written;
  mprotect(tsubo_arena + place.offset, whole_pages(place.bytes), first ? PROT_READ : PROT_READ | PROT_WRITE);
}

bool write_one(int fd, const Used& one) { return write(fd, &one, sizeof one) == sizeof one; }

bool write_seen(int fd, Seen kind) {
  const Tables& all = tables();
  for (size_t i = 0; i < all.used_count; i++) {
    if (all.seen[all.used[i].number] == kind && !write_one(fd, all.used[i])) return false;
  }
  return true;
}

}  // namespace

void place_apart() {
  apart = true;
  end = kPage;
}

bool place_in_order(const char* path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  Tables& all = tables();
  const ssize_t n = read(fd, all.used, sizeof all.used);
  close(fd);
  if (n < 0) return false;
  for (size_t i = 0; i < static_cast<size_t>(n) / sizeof(Used); i++) {
    const Used& next = all.used[i];
    if (next.number >= kMostBlocks || next.bytes > kArenaBytes - end) {
      errno = EINVAL;
      return false;
    }
    all.places[next.number] = {static_cast<uint32_t>(end), next.bytes};
    end += next.bytes;
  }
  return true;
}

Block* new_block(size_t bytes) {
  if (count == kMostBlocks) return nullptr;
  const size_t whole = sizeof(Block) + bytes;
  Place& place = tables().places[count];
  if (place.bytes == 0) {
    if (whole > kArenaBytes - end) return nullptr;
    place = {static_cast<uint32_t>(end), static_cast<uint32_t>(whole)};
    end += apart ? whole_pages(whole) : whole;
  } else if (place.bytes != whole) {
    // The list is not from a rehearsal of this program.
    abort();
  }
  Block* block = block_at(count++);
  block->bytes = bytes;
  return block;
}

size_t block_count() { return count; }

Block* block_at(size_t number) { return reinterpret_cast<Block*>(tsubo_arena + tables().places[number].offset); }

size_t arena_used() { return end; }

bool watch_blocks() {
  Tables& all = tables();
  for (size_t i = 0; i < count; i++) {
    const size_t first = all.places[i].offset / kPage;
    const size_t pages = whole_pages(all.places[i].bytes) / kPage;
    for (size_t k = 0; k < pages; k++) all.on_page[first + k] = static_cast<uint32_t>(i + 1);
  }
  struct sigaction action = {};
  action.sa_sigaction = on_access;
  action.sa_flags = SA_SIGINFO;
  if (sigaction(SIGSEGV, &action, nullptr) < 0) return false;
  return mprotect(tsubo_arena + kPage, end - kPage, PROT_NONE) == 0;
}

bool write_used(const char* path, bool (*also)(const Block*)) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  const Tables& all = tables();
  bool good = write_seen(fd, Seen::written) && write_seen(fd, Seen::read);
  mprotect(tsubo_arena + kPage, end - kPage, PROT_READ);
  for (size_t i = 0; i < count; i++) {
    if (all.seen[i] != Seen::nothing || !also(block_at(i))) continue;
    good = good && write_one(fd, {static_cast<uint32_t>(i), all.places[i].bytes});
  }
  return close(fd) == 0 && good;
}

}  // namespace tsubo::standalone
