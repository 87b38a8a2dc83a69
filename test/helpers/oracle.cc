// SPDX-License-Identifier: Apache-2.0

// Compiles profiles with libseccomp for test/native/seccomp-oracle.test.ts. The format of standard input:
//
//   default VERDICT   machine NAME   arch NAME   rule VERDICT CALL COUNT {INDEX OPERATOR A B}...   end
//
// On standard output, for each: the number of bytes (32 bits), the filter. On standard error, unknown names.

#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main() {
  char word[64];
  scmp_filter_ctx filter = nullptr;
  seccomp_api_set(5);  // all actions, also those that this kernel lacks: no filter is loaded
  while (scanf("%63s", word) == 1) {
    if (strcmp(word, "default") == 0) {
      unsigned verdict = 0;
      if (scanf("%u", &verdict) != 1 || (filter = seccomp_init(verdict)) == nullptr) return 1;
    } else if (strcmp(word, "machine") == 0) {
      // The native architecture of the profile instead of that of this machine.
      if (scanf("%63s", word) != 1) return 1;
      uint32_t machine = seccomp_arch_resolve_name(word);
      if (machine == seccomp_arch_native()) continue;
      seccomp_arch_add(filter, machine);
      seccomp_arch_remove(filter, seccomp_arch_native());
    } else if (strcmp(word, "arch") == 0) {
      if (scanf("%63s", word) != 1) return 1;
      seccomp_arch_add(filter, seccomp_arch_resolve_name(word));
    } else if (strcmp(word, "rule") == 0) {
      unsigned verdict = 0, count = 0;
      scmp_arg_cmp conditions[6];
      if (scanf("%u %63s %u", &verdict, word, &count) != 3 || count > 6) return 1;
      for (unsigned i = 0; i < count; i++) {
        unsigned index = 0, op = 0;
        unsigned long long a = 0, b = 0;
        if (scanf("%u %u %llu %llu", &index, &op, &a, &b) != 4) return 1;
        conditions[i] = {index, static_cast<scmp_compare>(op), a, b};
      }
      int number = seccomp_syscall_resolve_name(word);
      if (number == __NR_SCMP_ERROR) {
        fprintf(stderr, "%s\n", word);
        continue;
      }
      int r = seccomp_rule_add_array(filter, verdict, number, count, conditions);
      if (r < 0 && r != -17 /* EEXIST */) fprintf(stderr, "refused: %s %d %x\n", word, r, verdict);
    } else {
      FILE* file = tmpfile();
      if (file == nullptr || seccomp_export_bpf(filter, fileno(file)) < 0) return 1;
      seccomp_release(filter);
      static char bytes[8 * 4096];
      lseek(fileno(file), 0, SEEK_SET);
      ssize_t n = read(fileno(file), bytes, sizeof bytes);
      fclose(file);
      unsigned size = static_cast<unsigned>(n);
      fwrite(&size, sizeof size, 1, stdout);
      fwrite(bytes, 1, size, stdout);
    }
  }
  return 0;
}
