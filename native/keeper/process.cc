// SPDX-License-Identifier: Apache-2.0
#include "keeper/process.h"

#include <asm/fcntl.h>
#include <linux/fcntl.h>

#include "core/syscall.h"

namespace tsubo::keeper {

Failed leave_caller() {
  // The keeper must not depend on the terminal, the directory or the streams of the process that created the container.
  if (long r = sys::call(__NR_setsid); r < 0) return {"setsid", r};
  if (long r = sys::chdir("/"); r < 0) return {"chdir", r};
  long null = sys::openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return {"openat", null};
  for (int fd = 0; fd < 3; fd++) {
    // The caller had closed this standard stream.
    long r = fd == null ? sys::fcntl(fd, F_SETFD, 0) : sys::call(__NR_dup3, null, fd, 0);
    if (r < 0) return {"dup3", r};
  }
  if (null > 2) sys::close(static_cast<int>(null));
  return {nullptr, 0};
}

}  // namespace tsubo::keeper
