// SPDX-License-Identifier: Apache-2.0
#include "spawn/sealed_image.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>

#include "core/syscall.h"

// Linux 6.3
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif

namespace tsubo {

namespace {

// The init in another user namespace can execute its image but not read it. The kernel then denies ptrace to every
// process that cannot read the image, even to the root of that namespace (ptrace(2), "dumpable").
constexpr mode_t kImageMode = 0111;
// With mode 0111 a non-root user could not access its own init, and could not exec programs in the container before its
// start.
constexpr mode_t kImageModeOfUser = 0555;

mode_t image_mode() { return geteuid() == 0 ? kImageMode : kImageModeOfUser; }

bool write_all(int fd, const void* data, size_t bytes) {
  auto* p = static_cast<const char*>(data);
  while (bytes > 0) {
    ssize_t n = write(fd, p, bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    p += n;
    bytes -= static_cast<size_t>(n);
  }
  return true;
}

int executable_memfd() {
  // Kernels before 6.3 lack MFD_EXEC; later kernels can be configured to require it.
  int fd = memfd_create("tsubo-init", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  if (fd < 0 && errno == EINVAL) fd = memfd_create("tsubo-init", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  return fd;
}

// Used if vm.memfd_noexec=2 forbids executable memfds: an unnamed file, written once and then opened read-only. Only
// this process executes the file, therefore a write to it could change the program of no other container.
SpawnFailure unnamed_image(const Image& program, UniqueFd* image) {
  SpawnFailure failure = failed("memfd_create");
  for (const char* directory : {"/run", "/var/tmp", "/tmp"}) {
    UniqueFd writer(open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, image_mode()));
    if (!writer.open()) continue;
    if (!write_all(writer.get(), program.data, program.bytes)) continue;
    char self[32] = "/proc/self/fd/";
    *std::to_chars(self + 14, self + sizeof self - 1, writer.get()).ptr = '\0';
    image->reset(open(self, O_RDONLY | O_CLOEXEC));
    // On a file system mounted noexec only the exec itself would fail, too late to try another directory.
    if (image->open() && faccessat(AT_FDCWD, self, X_OK, 0) == 0) return {};
  }
  return failure;
}

}  // namespace

SpawnFailure sealed_image(const Image& program, UniqueFd* image) {
  image->reset(executable_memfd());
  if (!image->open()) return unnamed_image(program, image);
  if (!write_all(image->get(), program.data, program.bytes)) return failed("write");
  if (long r = sys::call(__NR_fchmod, image->get(), image_mode()); r < 0) return failed("fchmod", static_cast<int>(-r));
  int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (fcntl(image->get(), F_ADD_SEALS, seals | F_SEAL_EXEC) < 0 && fcntl(image->get(), F_ADD_SEALS, seals) < 0) {
    return failed("fcntl");
  }
  return {};
}

}  // namespace tsubo
