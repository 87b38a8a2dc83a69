// SPDX-License-Identifier: Apache-2.0
#include "standalone/huge_page.h"

#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "standalone/heap.h"
#include "standalone/snapshot.h"

namespace tsubo::standalone {

namespace {

// Of x86_64, and of arm64 with pages of 4 KiB.
constexpr size_t kHugeBytes = 2 << 20;
constexpr size_t kPageBytes = 4096;

void* map(void* at, size_t bytes, int flags) {
  void* p = mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  return p == MAP_FAILED ? nullptr : p;
}

bool is_huge(unsigned char* page) {
  // One small page would be there alone.
  unsigned char there[kHugeBytes / kPageBytes];
  page[0] = 0;
  return mincore(page, kHugeBytes, there) == 0 && (there[kHugeBytes / kPageBytes - 1] & 1) != 0;
}

// Where in the executable's file the snapshot is, or 0.
off_t offset_in_file(const Snapshot* snapshot) {
  const auto* segment = reinterpret_cast<const Elf64_Phdr*>(getauxval(AT_PHDR));
  for (unsigned long n = segment == nullptr ? 0 : getauxval(AT_PHNUM); n > 0; n--, segment++) {
    if (segment->p_type != PT_LOAD || segment->p_vaddr != reinterpret_cast<uintptr_t>(snapshot)) continue;
    return static_cast<off_t>(segment->p_offset);
  }
  return 0;
}

// By reading, which takes the kernel no page fault for each 64 KiB.
bool read_snapshot(const Snapshot* snapshot, size_t bytes, void* into) {
  const off_t offset = offset_in_file(snapshot);
  if (offset == 0) return false;
  const int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t n = pread(fd, into, bytes, offset);
  close(fd);
  return n == static_cast<ssize_t>(bytes);
}

}  // namespace

void move_to_huge_page() {
  const Snapshot* ready = snapshot();
  if (ready == nullptr || ready->bytes > kHugeBytes || getauxval(AT_PAGESZ) != kPageBytes) return;
  const size_t bytes = ready->bytes, whole = (bytes + kPageBytes - 1) & ~(kPageBytes - 1);
  auto* const arena = reinterpret_cast<unsigned char*>(const_cast<Snapshot*>(ready));
  // Filled elsewhere, and then moved: until the last call nothing is lost.
  auto* const page = static_cast<unsigned char*>(map(arena + kHugeBytes, kHugeBytes, MAP_FIXED_NOREPLACE));
  if (page == nullptr) return;
  // Nobody else may have what is behind the snapshot.
  unsigned char* const rest = arena + whole;
  const bool ours = whole == kHugeBytes || map(rest, kHugeBytes - whole, MAP_FIXED_NOREPLACE) == rest;
  if (page == arena + kHugeBytes && ours && madvise(page, kHugeBytes, MADV_HUGEPAGE) == 0 && is_huge(page) &&
      read_snapshot(ready, bytes, page) &&
      mremap(page, kHugeBytes, kHugeBytes, MREMAP_MAYMOVE | MREMAP_FIXED, arena) == arena) {
    lend_to_heap(rest, kHugeBytes - whole);
    return;
  }
  munmap(page, kHugeBytes);
  if (ours && whole < kHugeBytes) munmap(rest, kHugeBytes - whole);
}

}  // namespace tsubo::standalone
