// SPDX-License-Identifier: Apache-2.0

// Tests the access of a container to the given device nodes. Prints one line for each: the errno of mknod of the same
// device in /tmp, and of opening the node for reading, writing and both; 0 for success. A device without a driver fails
// with ENXIO, ENODEV or EIO, which means that the rules allow it.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int opening(const char* path, int flags) {
  const int fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return errno;
  close(fd);
  return 0;
}

int main(int argc, char** argv) {
  for (int i = 1; i < argc; i++) {
    struct stat node;
    if (stat(argv[i], &node) < 0) {
      printf("%s: errno %d\n", argv[i], errno);
      continue;
    }
    const int made = mknod("/tmp/node", node.st_mode, node.st_rdev) < 0 ? errno : 0;
    unlink("/tmp/node");
    printf("%s %d %d %d %d\n", argv[i], made, opening(argv[i], O_RDONLY), opening(argv[i], O_WRONLY),
           opening(argv[i], O_RDWR));
  }
}
