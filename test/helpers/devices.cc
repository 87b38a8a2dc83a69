// SPDX-License-Identifier: Apache-2.0

// What a container may do with the devices whose nodes are given: one line each with the error numbers of making such a
// node (in /tmp), and of opening the given one for reading, writing and both. 0 where it could be done. What has no
// driver is told by ENXIO, ENODEV or EIO: then the rules let it through.

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
