// SPDX-License-Identifier: Apache-2.0
//
// no-huge PROGRAM ARGUMENT...: executes it where the kernel gives no huge pages.
#include <linux/prctl.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 2 || prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0) return 126;
  execv(argv[1], argv + 1);
  return 127;
}
