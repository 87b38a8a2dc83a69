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
constexpr size_t kAlign = 16;

// Just there, or null.
unsigned char* map(unsigned char* at, size_t bytes) {
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
  void* p = mmap(at, bytes, PROT_READ | PROT_WRITE, kFlags, -1, 0);
  return p == MAP_FAILED ? nullptr : at;
}

bool is_huge(unsigned char* page) {
  // One small page would be there alone.
  unsigned char there[kHugeBytes / kPageBytes];
  page[0] = 0;
  return mincore(page, kHugeBytes, there) == 0 && (there[kHugeBytes / kPageBytes - 1] & 1) != 0;
}

// The snapshot's segment of the executable, or null.
const Elf64_Phdr* segment_of(const Snapshot* snapshot) {
  const auto* segment = reinterpret_cast<const Elf64_Phdr*>(getauxval(AT_PHDR));
  for (unsigned long n = segment == nullptr ? 0 : getauxval(AT_PHNUM); n > 0; n--, segment++) {
    if (segment->p_type == PT_LOAD && segment->p_vaddr == reinterpret_cast<uintptr_t>(snapshot)) return segment;
  }
  return nullptr;
}

// By reading, which takes the kernel no page fault for each 64 KiB.
bool read_snapshot(const Elf64_Phdr& segment, size_t bytes, void* into) {
  const int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t n = pread(fd, into, bytes, static_cast<off_t>(segment.p_offset));
  close(fd);
  return n == static_cast<ssize_t>(bytes);
}

}  // namespace

bool move_to_huge_page() {
  const Snapshot* ready = snapshot();
  const Elf64_Phdr* segment = ready == nullptr ? nullptr : segment_of(ready);
  if (segment == nullptr || segment->p_memsz > kHugeBytes || getauxval(AT_PAGESZ) != kPageBytes) return false;
  const size_t bytes = (ready->bytes + kAlign - 1) & ~(kAlign - 1);
  const size_t mapped = (segment->p_memsz + kPageBytes - 1) & ~(kPageBytes - 1);
  auto* const arena = reinterpret_cast<unsigned char*>(const_cast<Snapshot*>(ready));
  // Filled elsewhere, and then moved: until the last call nothing is lost.
  auto* const page = map(arena + kHugeBytes, kHugeBytes);
  if (page == nullptr) return false;
  // Nobody else may have what is behind the segment.
  const bool ours = mapped == kHugeBytes || map(arena + mapped, kHugeBytes - mapped) != nullptr;
  if (ours && madvise(page, kHugeBytes, MADV_HUGEPAGE) == 0 && is_huge(page) && read_snapshot(*segment, bytes, page) &&
      mremap(page, kHugeBytes, kHugeBytes, MREMAP_MAYMOVE | MREMAP_FIXED, arena) == arena) {
    lend_to_heap(arena + bytes, kHugeBytes - bytes);
    return true;
  }
  munmap(page, kHugeBytes);
  if (ours && mapped < kHugeBytes) munmap(arena + mapped, kHugeBytes - mapped);
  return false;
}

}  // namespace tsubo::standalone
