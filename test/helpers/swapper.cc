// SPDX-License-Identifier: Apache-2.0

// A process of a container that attacks the mounts of another one: exchanges two paths of a shared volume for ever.
// Usage: swapper ONE OTHER

#include <fcntl.h>
#include <stdio.h>

int main(int count, char** args) {
  if (count != 3) return 2;
  puts("ready");
  fflush(stdout);
  for (;;) {
    if (renameat2(AT_FDCWD, args[1], AT_FDCWD, args[2], RENAME_EXCHANGE) != 0) {
      perror("renameat2");
      return 1;
    }
  }
}
