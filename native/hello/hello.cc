// SPDX-License-Identifier: Apache-2.0
//
// The program of bundle-fixtures/good/hello. It shows what a process sees of the system, and thereby what a container
// is. It has two uses:
//
//   hello --measure      prints the facts as "key<TAB>value" lines
//   hello [STATUS]       prints the facts as a report and exits with STATUS (default 0)
//
// `npm run hello` runs the first outside the container and stores its lines in the container's root as /outside. The
// second then shows both sides in columns, measured by the same code. Without that file there is only one column.

#include <dirent.h>
#include <limits.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace {

constexpr const char* kNamespaces[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};

// The order is that of the numbers in linux/capability.h.
// clang-format off
constexpr const char* kCapabilities[] = {
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
    "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE"};
// clang-format on
constexpr int kKnownCapabilities = sizeof(kCapabilities) / sizeof(kCapabilities[0]);

struct Fact {
  char key[32];
  char value[512];
};

// The facts of one side, the container or the host.
struct Facts {
  Fact facts[32];
  int count = 0;

  void set(const char* key, const char* format, ...) __attribute__((format(printf, 3, 4))) {
    if (count == static_cast<int>(sizeof(facts) / sizeof(facts[0]))) return;
    Fact& fact = facts[count++];
    snprintf(fact.key, sizeof(fact.key), "%s", key);
    va_list args;
    va_start(args, format);
    vsnprintf(fact.value, sizeof(fact.value), format, args);
    va_end(args);
  }

  const char* get(const char* key) const {
    for (int i = 0; i < count; i++) {
      if (strcmp(facts[i].key, key) == 0) return facts[i].value;
    }
    return "";
  }
};

// Returns the rest of the first line of `path` that starts with `prefix`, or `otherwise`.
void line_of(const char* path, const char* prefix, const char* otherwise, char* out, size_t size) {
  snprintf(out, size, "%s", otherwise);
  FILE* file = fopen(path, "re");
  if (file == nullptr) return;
  char line[4096];
  while (fgets(line, sizeof(line), file) != nullptr) {
    if (strncmp(line, prefix, strlen(prefix)) != 0) continue;
    const char* rest = line + strlen(prefix);
    rest += strspn(rest, " \t");
    snprintf(out, size, "%.*s", static_cast<int>(strcspn(rest, "\n")), rest);
    break;
  }
  fclose(file);
}

int process_count() {
  DIR* directory = opendir("/proc");
  if (directory == nullptr) return 0;
  int count = 0;
  for (const dirent* entry = readdir(directory); entry != nullptr; entry = readdir(directory)) {
    if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') count++;
  }
  closedir(directory);
  return count;
}

// Returns the names of the network interfaces that fit, separated by blanks.
void interfaces(char* out, size_t size) {
  out[0] = '\0';
  struct if_nameindex* list = if_nameindex();
  if (list == nullptr) return;
  for (const struct if_nameindex* entry = list; entry->if_index != 0; entry++) {
    size_t used = strlen(out);
    snprintf(out + used, size - used, "%s%s", used > 0 ? " " : "", entry->if_name);
  }
  if_freenameindex(list);
}

int mount_count() {
  FILE* file = fopen("/proc/self/mountinfo", "re");
  if (file == nullptr) return 0;
  int count = 0;
  for (int c = getc(file); c != EOF; c = getc(file)) {
    if (c == '\n') count++;
  }
  fclose(file);
  return count;
}

uint64_t effective_capabilities() {
  char text[32];
  line_of("/proc/self/status", "CapEff:", "0", text, sizeof(text));
  return strtoull(text, nullptr, 16);
}

Facts measure() {
  Facts found;
  char text[4096];
  found.set("process id", "%d", getpid());
  found.set("processes in /proc", "%d", process_count());

  gethostname(text, sizeof(text));
  found.set("host name", "%s", text);
  found.set("user and group", "%u:%u", getuid(), getgid());

  char last[16];
  line_of("/proc/sys/kernel/cap_last_cap", "", "40", last, sizeof(last));
  found.set("capabilities", "%d of %d", __builtin_popcountll(effective_capabilities()), atoi(last) + 1);
  line_of("/proc/self/status", "NoNewPrivs:", "?", text, sizeof(text));
  found.set("no new privileges", "%s", strcmp(text, "1") == 0 ? "yes" : "no");

  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  found.set("open files at most", "%llu", static_cast<unsigned long long>(files.rlim_cur));
  struct statvfs root {};
  statvfs("/", &root);
  found.set("root file system", "%s", (root.f_flag & ST_RDONLY) != 0 ? "read-only" : "writable");
  found.set("mounts", "%d", mount_count());
  interfaces(text, 60);
  found.set("network interfaces", "%s", text);
  // The line of version 2 is "0::/path", also on hosts that have version 1 hierarchies too.
  line_of("/proc/self/cgroup", "0::", "", text, sizeof(text));
  found.set("cgroup", "%s", text);

  for (const char* name : kNamespaces) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
    ssize_t length = readlink(path, text, sizeof(text) - 1);
    text[length < 0 ? 0 : length] = '\0';
    // The target is for example "pid:[4026531836]".
    const char* open = strchr(text, '[');
    if (open == nullptr) continue;
    found.set(path + strlen("/proc/self/"), "%.*s", static_cast<int>(strcspn(open + 1, "]")), open + 1);
  }
  return found;
}

// Returns the lines that --measure printed outside; empty if there are none.
Facts read_outside() {
  Facts found;
  FILE* file = fopen("/outside", "re");
  if (file == nullptr) return found;
  char line[1024];
  while (fgets(line, sizeof(line), file) != nullptr) {
    line[strcspn(line, "\n")] = '\0';
    char* tab = strchr(line, '\t');
    if (tab == nullptr) continue;
    *tab = '\0';
    found.set(line, "%s", tab + 1);
  }
  fclose(file);
  return found;
}

void print_comparison(const Facts& inside, const Facts& outside) {
  bool both = outside.count > 0;
  if (both) printf("\n  %-20s  %-26s%s\n", "", "in the container", "outside");
  bool namespaces = false;
  for (int i = 0; i < inside.count; i++) {
    const Fact& fact = inside.facts[i];
    const char* value_outside = outside.get(fact.key);
    if (strncmp(fact.key, "ns/", 3) != 0) {
      printf("  %-20s  %-26s%s\n", fact.key, fact.value, value_outside);
      continue;
    }
    if (!namespaces) printf("\n  namespaces\n");
    namespaces = true;
    const char* verdict = !both ? "" : strcmp(fact.value, value_outside) == 0 ? "the same" : "its own";
    printf("    %-18s  %-14s%-12s%s\n", fact.key + 3, fact.value, verdict, value_outside);
  }
}

void print_capabilities() {
  uint64_t effective = effective_capabilities();
  printf("\n  capabilities\n");
  for (int i = 0; i < kKnownCapabilities; i++) {
    if ((effective >> i & 1) != 0) printf("    CAP_%s\n", kCapabilities[i]);
  }
  if (effective == 0) printf("    none\n");
}

// A line of mountinfo is: id parent device root target options [tags...] - type source superOptions
void print_mounts() {
  FILE* file = fopen("/proc/self/mountinfo", "re");
  if (file == nullptr) return;
  printf("\n  mounts\n");
  char line[4096];
  while (fgets(line, sizeof(line), file) != nullptr) {
    char target[PATH_MAX];
    char options[256];
    char type[64];
    const char* dash = strstr(line, " - ");
    if (dash == nullptr || sscanf(line, "%*s %*s %*s %*s %4095s %255s", target, options) != 2) continue;
    if (sscanf(dash + 3, "%63s", type) != 1) continue;
    printf("    %-28s  %-9s %s\n", target, type, options);
  }
  fclose(file);
}

}  // namespace

int main(int argc, char** argv) {
  Facts inside = measure();
  if (argc > 1 && strcmp(argv[1], "--measure") == 0) {
    for (int i = 0; i < inside.count; i++) printf("%s\t%s\n", inside.facts[i].key, inside.facts[i].value);
    return 0;
  }
  print_comparison(inside, read_outside());
  print_capabilities();
  print_mounts();
  printf("\n");
  return argc > 1 ? atoi(argv[1]) : 0;
}
