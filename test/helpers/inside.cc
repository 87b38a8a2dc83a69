// SPDX-License-Identifier: Apache-2.0

// The program of the containers of test/oci: it prints the kernel's view from inside as one JSON object.
// It has no expectations; those are in the tests. Each argument after `--probe` is a path to examine:
// its type, and whether it can be read and written. With `--int80 NUMBER ARGUMENT` alone it makes that call of
// 32-bit x86 and prints the result. inside.ts builds it as a static executable.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

namespace {

void text(const char* bytes, size_t length) {
  putchar('"');
  for (size_t i = 0; i < length; i++) {
    const unsigned char c = static_cast<unsigned char>(bytes[i]);
    if (c == '"' || c == '\\') {
      printf("\\%c", c);
    } else if (c < 0x20 || c >= 0x7f) {
      printf("\\u%04x", c);  // bytes above ASCII are printed as Latin-1: enough for a comparison
    } else {
      putchar(c);
    }
  }
  putchar('"');
}

void text(const char* string) { text(string, strlen(string)); }

void key(const char* name) {
  text(name);
  putchar(':');
}

// The whole file as a string, or null if it cannot be read.
void file(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    printf("null");
    return;
  }
  size_t used = 0;
  size_t size = 1 << 16;
  char* buffer = static_cast<char*>(malloc(size));
  for (;;) {
    const ssize_t got = read(fd, buffer + used, size - used);
    if (got <= 0) break;
    used += static_cast<size_t>(got);
    if (used == size) buffer = static_cast<char*>(realloc(buffer, size *= 2));
  }
  close(fd);
  text(buffer, used);
  free(buffer);
}

void link(const char* path) {
  char target[4096];
  const ssize_t length = readlink(path, target, sizeof target);
  if (length < 0) {
    printf("null");
  } else {
    text(target, static_cast<size_t>(length));
  }
}

const char* kind(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return "directory";
    case S_IFCHR:
      return "character";
    case S_IFBLK:
      return "block";
    case S_IFLNK:
      return "symlink";
    case S_IFIFO:
      return "fifo";
    case S_IFSOCK:
      return "socket";
    default:
      return "file";
  }
}

void open_fds() {
  key("fds");
  putchar('{');
  DIR* directory = opendir("/proc/self/fd");
  bool first = true;
  for (dirent* entry; directory != nullptr && (entry = readdir(directory)) != nullptr;) {
    if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(directory)) continue;
    if (!first) putchar(',');
    first = false;
    key(entry->d_name);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", atoi(entry->d_name));
    link(path);
  }
  if (directory != nullptr) closedir(directory);
  putchar('}');
}

// Works without /proc too: calls fcntl on the first descriptors.
void open_fd_numbers() {
  key("fdNumbers");
  putchar('[');
  bool first = true;
  for (int fd = 0; fd < 256; fd++) {
    if (fcntl(fd, F_GETFD) < 0) continue;
    printf(first ? "%d" : ",%d", fd);
    first = false;
  }
  putchar(']');
}

void namespaces() {
  static const char* const kinds[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};
  key("namespaces");
  putchar('{');
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (i > 0) putchar(',');
    key(kinds[i]);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i]);
    link(path);
  }
  putchar('}');
}

void rlimits() {
  key("rlimits");
  putchar('[');
  for (int resource = 0; resource < RLIM_NLIMITS; resource++) {
    rlimit limit = {};
    getrlimit(static_cast<__rlimit_resource>(resource), &limit);
    if (resource > 0) putchar(',');
    // As strings: the values do not fit a JavaScript number.
    printf("[\"%llu\",\"%llu\"]", static_cast<unsigned long long>(limit.rlim_cur),
           static_cast<unsigned long long>(limit.rlim_max));
  }
  putchar(']');
}

void keyring() {
  char description[512];
  // KEYCTL_DESCRIBE (6) of KEY_SPEC_SESSION_KEYRING (-3)
  const long length = syscall(SYS_keyctl, 6, -3, description, sizeof description);
  key("sessionKeyring");
  if (length < 0) {
    printf("null");
  } else {
    text(description);
  }
  char label[512] = "";
  // KEYCTL_GET_SECURITY (17)
  if (syscall(SYS_keyctl, 17, -3, label, sizeof label) < 0) label[0] = '\0';
  putchar(',');
  key("keyringLabel");
  text(label);
}

void scheduling() {
  struct {
    unsigned size, policy;
    unsigned long long flags;
    int nice;
    unsigned priority;
    unsigned long long runtime, deadline, period;
    unsigned clampMin, clampMax;
  } attr = {};
  syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0);
  printf("\"scheduler\":[%u,%llu,%d,%u,%llu,%llu,%llu]", attr.policy, attr.flags, attr.nice, attr.priority,
         attr.runtime, attr.deadline, attr.period);
  printf(",\"ioPriority\":%ld", syscall(SYS_ioprio_get, 1, 0));
  printf(",\"personality\":%ld", syscall(SYS_personality, 0xffffffffl));
  int mode = -1;
  unsigned long nodes[128] = {};
  syscall(SYS_get_mempolicy, &mode, nodes, sizeof nodes * 8, 0, 0);
  printf(",\"memoryPolicy\":[%d,%lu]", mode, nodes[0]);
}

// As strings: nanoseconds do not fit a JavaScript number.
void clocks() {
  timespec monotonic = {}, boottime = {};
  clock_gettime(CLOCK_MONOTONIC, &monotonic);
  clock_gettime(CLOCK_BOOTTIME, &boottime);
  printf("\"clocks\":{\"monotonic\":\"%lld.%09ld\",\"boottime\":\"%lld.%09ld\"}",
         static_cast<long long>(monotonic.tv_sec), monotonic.tv_nsec, static_cast<long long>(boottime.tv_sec),
         boottime.tv_nsec);
}

// True if opening the file has no effect: opening some devices does, for example it starts a watchdog.
bool harmless(const struct stat& status) {
  if (S_ISBLK(status.st_mode)) return false;
  if (!S_ISCHR(status.st_mode)) return true;
  const unsigned number = minor(status.st_rdev);
  if (major(status.st_rdev) == 1) return number == 3 || number == 5 || number == 7 || number == 8 || number == 9;
  return major(status.st_rdev) == 5 && number == 0;
}

void probe(const char* path) {
  key(path);
  putchar('{');
  struct stat status = {};
  if (lstat(path, &status) != 0) {
    printf("\"errno\":%d}", errno);
    return;
  }
  key("kind");
  text(kind(status.st_mode));
  printf(",\"mode\":%u,\"uid\":%u,\"gid\":%u,\"size\":%lld,\"ino\":%llu,\"major\":%u,\"minor\":%u",
         status.st_mode & 07777, status.st_uid, status.st_gid, static_cast<long long>(status.st_size),
         static_cast<unsigned long long>(status.st_ino), major(status.st_rdev), minor(status.st_rdev));
  if (S_ISLNK(status.st_mode)) {
    printf(",\"target\":");
    link(path);
    stat(path, &status);
  }
  if (!harmless(status)) {
    putchar('}');
    return;
  }
  printf(",\"read\":");
  if (S_ISDIR(status.st_mode)) {
    DIR* directory = opendir(path);
    if (directory == nullptr) {
      printf("{\"errno\":%d}", errno);
    } else {
      printf("{\"entries\":[");
      bool first = true;
      for (dirent* entry; (entry = readdir(directory)) != nullptr;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (!first) putchar(',');
        first = false;
        text(entry->d_name);
      }
      printf("]}");
      closedir(directory);
    }
  } else {
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    char buffer[4096];
    const ssize_t got = fd < 0 ? -1 : read(fd, buffer, sizeof buffer);
    if (got < 0) {
      printf("{\"errno\":%d}", errno);
    } else {
      printf("{\"text\":");
      text(buffer, static_cast<size_t>(got));
      putchar('}');
    }
    if (fd >= 0) close(fd);
  }
  // Opening for writing has no effect; in a directory a file is created and removed.
  printf(",\"write\":");
  int fd = -1;
  if (S_ISDIR(status.st_mode)) {
    char child[4200];
    snprintf(child, sizeof child, "%s/.inside", path);
    fd = open(child, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) unlink(child);
  } else {
    fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  }
  printf("%d}", fd < 0 ? errno : 0);
  if (fd >= 0) close(fd);
}

// A system call of a 32-bit program; the other arguments are 0.
int call_of_32_bits(const char* number, const char* argument) {
#ifdef __x86_64__
  int result = atoi(number);
  asm volatile("int $0x80"
               : "+a"(result)
               : "b"(atoi(argument)), "c"(0), "d"(0), "S"(0), "D"(0)
               : "r8", "r9", "r10", "r11", "memory");
  printf("%d\n", result);
  return 0;
#else
  fprintf(stderr, "no 32-bit calls on this architecture: %s %s\n", number, argument);
  return 1;
#endif
}

}  // namespace

int main(int argc, char** argv, char** environment) {
  if (argc == 4 && strcmp(argv[1], "--int80") == 0) return call_of_32_bits(argv[2], argv[3]);
  static char output[1 << 16];
  setvbuf(stdout, output, _IOFBF, sizeof output);
  // Lists the descriptors first, before any is opened.
  putchar('{');
  open_fds();
  putchar(',');
  open_fd_numbers();
  putchar(',');
  namespaces();
  putchar(',');
  rlimits();
  putchar(',');
  keyring();
  putchar(',');
  scheduling();
  putchar(',');
  clocks();
  printf(",\"args\":[");
  int last = 0;
  for (; last < argc && strcmp(argv[last], "--probe") != 0; last++) {
    if (last > 0) putchar(',');
    text(argv[last]);
  }
  printf("],\"env\":[");
  for (char** entry = environment; *entry != nullptr; entry++) {
    if (entry != environment) putchar(',');
    text(*entry);
  }
  printf("],\"cwd\":");
  char cwd[4096];
  text(syscall(SYS_getcwd, cwd, sizeof cwd) > 0 ? cwd : "(none)");
  gid_t groups[1024];
  const int count = getgroups(1024, groups);
  printf(",\"groups\":[");
  for (int i = 0; i < count; i++) printf(i > 0 ? ",%u" : "%u", groups[i]);
  uid_t uids[3];
  gid_t gids[3];
  getresuid(&uids[0], &uids[1], &uids[2]);
  getresgid(&gids[0], &gids[1], &gids[2]);
  printf("],\"uids\":[%u,%u,%u],\"gids\":[%u,%u,%u]", uids[0], uids[1], uids[2], gids[0], gids[1], gids[2]);
  const mode_t mask = umask(0);
  umask(mask);
  printf(",\"umask\":%u,\"pid\":%d,\"ppid\":%d,\"sid\":%d,\"pgid\":%d", mask, getpid(), getppid(), getsid(0),
         getpgrp());
  int death_signal = 0;
  prctl(PR_GET_PDEATHSIG, &death_signal);
  printf(",\"noNewPrivileges\":%d,\"dumpable\":%d,\"parentDeathSignal\":%d,\"securebits\":%d",
         prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), death_signal,
         prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
  utsname name = {};
  uname(&name);
  printf(",\"hostname\":");
  text(name.nodename);
  printf(",\"domainname\":");
  text(name.domainname);
  printf(",\"mountinfo\":");
  file("/proc/self/mountinfo");
  printf(",\"status\":");
  file("/proc/self/status");
  printf(",\"cgroup\":");
  file("/proc/self/cgroup");
  printf(",\"oomScoreAdj\":");
  file("/proc/self/oom_score_adj");
  printf(",\"exe\":");
  link("/proc/self/exe");
  printf(",\"probes\":{");
  for (int i = last + 1; i < argc; i++) {
    if (i > last + 1) putchar(',');
    probe(argv[i]);
  }
  printf("}}\n");
  return 0;
}
