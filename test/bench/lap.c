// SPDX-License-Identifier: Apache-2.0
// The stopwatch of the benchmark. It reads one round of orders, executes them in order, and answers each with a line.
// No other process of the benchmark runs while a command is timed. It is small and static: the peak memory of a process
// includes that of the program before its exec, which is this one.
//
// usage: lap DIRECTORY PREFIX
// DIRECTORY gets a tmpfs that lap and all its views share; PREFIX is in the name of every container and cgroup, and
// lap ends and removes all remaining ones after the last order.
//
// An order is a line of fields separated by tabs. Paths contain no tab and no newline.
//
// clang-format off
//   view NAME ROOT BIND...      a mount namespace with ROOT as /, cgroup2 at /sys/fs/cgroup, and each BIND
//   time LABEL VIEW ARG...      runs ARG... in VIEW: LABEL, wall us, user us, system us, peak KiB, status, end of its output
//   count LABEL VIEW ARG...     runs it traced: LABEL, its system calls, its descendants', status, 0, status, end of its output
//   pid FILE                    reads the pid for the orders below
//   reap                        waits for its end and reaps it
//   kill                        kills it, waits for its end and reaps it
//   memory LABEL                LABEL, private KiB, proportional KiB of that process
//   quiet LABEL MS              waits up to MS for 85 % idle processors: LABEL, 1 if it timed out
//   foreign LABEL               LABEL, per cent of the processors that other programs used since the last quiet
//   .                           the end of a round, answered with a dot
// clang-format on
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kMaxFields = 64, kMaxViews = 8, kMaxTracees = 256 };

static struct {
  char name[32];
  int ns;
} views[kMaxViews];
static int view_count;
static const char* directory;
static int output = -1;  // of commands
static pid_t current = -1;
static volatile sig_atomic_t stopped;
static char networks[4200];
static char* const kEnvironment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
                                     "LC_ALL=C.UTF-8", networks, NULL};

static void must(long result, const char* object) {
  if (result >= 0) return;
  fprintf(stderr, "lap: %s: %s\n", object, strerror(errno));
  exit(1);
}

static void stop(int signal) {
  (void)signal;
  stopped = 1;
}

static double now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void pause_us(long us) {
  struct timespec t = {us / 1000000, us % 1000000 * 1000};
  nanosleep(&t, NULL);
}

static long us_of(struct timeval t) { return t.tv_sec * 1000000L + t.tv_usec; }

// --- views

static void bind_at(const char* source, const char* root, unsigned long flags) {
  char target[8192];
  snprintf(target, sizeof target, "%s%s", root, source);
  must(mount(source, target, "", MS_BIND | flags, ""), target);
}

// Preconditions: in a new mount namespace. All views have the same mounts, except for their binds: the number of mounts
// affects the cost of a new mount namespace.
static void build_view(const char* name, const char* root, char** binds) {
  static const struct {
    const char *type, *at;
  } own[] = {{"proc", "/proc"}, {"sysfs", "/sys"}, {"cgroup2", "/sys/fs/cgroup"}, {"tmpfs", "/run"}};
  char place[4096], path[4200];
  // Outside the root: a path below a mount on / would still resolve to the directory under that mount.
  snprintf(place, sizeof place, "%s/view.%s", directory, name);
  must(mkdir(place, 0755), place);
  must(mount(root, place, "", MS_BIND, ""), root);
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
    snprintf(path, sizeof path, "%s%s", place, own[i].at);
    must(mount(own[i].type, path, own[i].type, MS_NOSUID | MS_NODEV, ""), path);
  }
  bind_at("/dev", place, MS_REC);
  for (; *binds != NULL; binds++) bind_at(*binds, place, 0);
  bind_at(directory, place, 0);
  must(chdir(place), place);
  must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
  must(umount2(".", MNT_DETACH), "umount2");
  must(chdir("/"), "chdir");
}

static void make_view(char** fields) {
  int ready[2];
  must(pipe2(ready, O_CLOEXEC), "pipe2");
  pid_t child = fork();
  must(child, "fork");
  if (child == 0) {
    must(unshare(CLONE_NEWNS), "unshare");
    build_view(fields[1], fields[2], fields + 3);
    must(write(ready[1], "r", 1), "write");
    for (;;) pause();
  }
  close(ready[1]);
  char byte;
  if (read(ready[0], &byte, 1) != 1) exit(1);  // the child has reported the cause
  close(ready[0]);
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/mnt", child);
  int ns = open(path, O_RDONLY | O_CLOEXEC);
  must(ns, path);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  if (view_count == kMaxViews) exit(1);
  snprintf(views[view_count].name, sizeof views[view_count].name, "%s", fields[1]);
  views[view_count++].ns = ns;
}

static int ns_of(const char* name) {
  for (int i = 0; i < view_count; i++) {
    if (strcmp(views[i].name, name) == 0) return views[i].ns;
  }
  fprintf(stderr, "lap: no view %s\n", name);
  exit(1);
}

// --- commands

// Enters the view and opens the output of a command. Precondition: in a new process.
static void enter(int ns) {
  if (setns(ns, CLONE_NEWNS) < 0) _exit(126);
  dup2(output, 1);
  dup2(output, 2);
}

static void fresh_output(void) {
  if (ftruncate(output, 0) < 0 || lseek(output, 0, SEEK_SET) < 0) must(-1, "output");
}

// The end of the output of the command on one line: runtimes print the cause last.
static const char* output_tail(void) {
  static char text[600];
  off_t size = lseek(output, 0, SEEK_END);
  off_t from = size > 512 ? size - 512 : 0;
  ssize_t n = pread(output, text, 512, from);
  if (n < 0) n = 0;
  text[n] = 0;
  for (char* c = text; *c != 0; c++) {
    if (*c == '\n' || *c == '\t') *c = ' ';
  }
  return text;
}

static int exit_status(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

static void time_command(char** fields) {
  int ns = ns_of(fields[2]);
  fresh_output();
  volatile double begin = 0;  // the child writes it to shared memory until its exec
  pid_t child = vfork();
  must(child, "vfork");
  if (child == 0) {
    enter(ns);
    begin = now_us();
    execve(fields[3], fields + 3, kEnvironment);
    _exit(127);
  }
  struct rusage use;
  int status = 0;
  pid_t got;
  // Containers become children of this process when their runtime ends: the end of such a process is not the end of the command.
  while ((got = wait4(-1, &status, 0, &use)) != child) {
    if (got < 0 && errno != EINTR) must(-1, "wait4");
  }
  double wall = now_us() - begin;
  int code = exit_status(status);
  printf("%s\t%.0f\t%ld\t%ld\t%ld\t%d\t%s\n", fields[1], wall, us_of(use.ru_utime), us_of(use.ru_stime), use.ru_maxrss,
         code, output_tail());
}

struct tracee {
  pid_t tid;
  int entered;  // its next stop is the exit of a system call
};

// Small: the memory that this program has used is the minimum peak of later commands.
struct tracees {
  struct tracee list[kMaxTracees];
  int count;
};

static struct tracee* noted(struct tracees* tracees, pid_t tid) {
  for (int i = 0; i < tracees->count; i++) {
    if (tracees->list[i].tid == tid) return &tracees->list[i];
  }
  if (tracees->count == kMaxTracees) {
    fprintf(stderr, "lap: more than %d threads to count\n", kMaxTracees);
    exit(1);
  }
  struct tracee* tracee = &tracees->list[tracees->count++];
  *tracee = (struct tracee){.tid = tid};
  return tracee;
}

static void forget(struct tracees* tracees, pid_t tid) {
  for (int i = 0; i < tracees->count; i++) {
    if (tracees->list[i].tid == tid) tracees->list[i] = tracees->list[--tracees->count];
  }
}

static pid_t thread_group(pid_t tid) {
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/%d/status", tid);
  FILE* file = fopen(path, "re");
  pid_t group = tid;
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    if (sscanf(line, "Tgid: %d", &group) == 1) break;
  }
  if (file != NULL) fclose(file);
  return group;
}

// Counts like `strace -f -c`, but detaches from a container that outlives its runtime.
static void count_command(char** fields) {
  int ns = ns_of(fields[2]);
  fresh_output();
  pid_t child = fork();
  must(child, "fork");
  if (child == 0) {
    enter(ns);
    raise(SIGSTOP);
    execve(fields[3], fields + 3, kEnvironment);
    _exit(127);
  }
  int status = 0;
  must(waitpid(child, &status, WUNTRACED), "waitpid");
  long options =
      PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
  must(ptrace(PTRACE_SEIZE, child, 0, options), "ptrace");
  kill(child, SIGCONT);
  struct tracees tracees = {.count = 0};
  noted(&tracees, child);
  long own = 0, others = 0;
  int counting = 0, code = -1;
  while (tracees.count > 0) {
    pid_t pid = waitpid(-1, &status, __WALL);
    if (pid < 0 && errno == EINTR) continue;
    if (pid < 0) break;
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      forget(&tracees, pid);
      if (pid != child) continue;
      code = exit_status(status);
      for (int i = 0; i < tracees.count; i++) ptrace(PTRACE_INTERRUPT, tracees.list[i].tid, 0, 0);
      continue;
    }
    struct tracee* tracee = noted(&tracees, pid);
    int event = status >> 16, signal = WSTOPSIG(status);
    if (code >= 0) {
      ptrace(PTRACE_DETACH, pid, 0, event == 0 && signal != (SIGTRAP | 0x80) ? signal : 0);
      forget(&tracees, pid);
      continue;
    }
    if (signal == (SIGTRAP | 0x80)) {
      tracee->entered = !tracee->entered;
      if (tracee->entered && counting) (thread_group(pid) == child ? own++ : others++);
      signal = 0;
    } else if (event != 0) {
      if (event == PTRACE_EVENT_EXEC && pid == child) counting = 1;
      signal = 0;
    }
    ptrace(PTRACE_SYSCALL, pid, 0, signal);
  }
  printf("%s\t%ld\t%ld\t%d\t0\t%d\t%s\n", fields[1], own, others, code, code, output_tail());
}

// --- the process of a container

static void read_pid(const char* file) {
  char text[32] = {0};
  int fd = open(file, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  unlink(file);
  current = n > 0 ? atoi(text) : -1;
}

static void reap(int signal) {
  if (current <= 1) return;
  if (signal != 0) kill(current, signal);
  for (;;) {
    pid_t got = waitpid(current, NULL, 0);
    if (got == current) break;
    if (got < 0 && errno == EINTR) continue;
    if (kill(current, 0) < 0) break;  // another process has reaped it
    pause_us(100);
  }
  current = -1;
}

static void memory(const char* label) {
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/%d/smaps_rollup", current);
  long all = 0, proportional = 0, kb;
  FILE* file = fopen(path, "re");
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    if (sscanf(line, "Private_Clean: %ld", &kb) == 1 || sscanf(line, "Private_Dirty: %ld", &kb) == 1 ||
        sscanf(line, "Private_Hugetlb: %ld", &kb) == 1) {
      all += kb;
    }
    if (sscanf(line, "Pss: %ld", &kb) == 1) proportional = kb;
  }
  if (file != NULL) fclose(file);
  printf("%s\t%ld\t%ld\n", label, all, proportional);
}

// --- the machine

struct load {
  long long idle, total, own;  // in us
};

static struct load load_now(void) {
  struct load load = {0};
  long long v[8] = {0};
  FILE* file = fopen("/proc/stat", "re");
  must(file == NULL ? -1 : 0, "/proc/stat");
  int n =
      fscanf(file, "cpu %lld %lld %lld %lld %lld %lld %lld %lld", v, v + 1, v + 2, v + 3, v + 4, v + 5, v + 6, v + 7);
  fclose(file);
  long long tick = 1000000 / sysconf(_SC_CLK_TCK);
  for (int i = 0; i < n; i++) load.total += v[i] * tick;
  load.idle = (v[3] + v[4]) * tick;
  for (int i = 0; i < 2; i++) {
    struct rusage use;
    getrusage(i == 0 ? RUSAGE_SELF : RUSAGE_CHILDREN, &use);
    load.own += us_of(use.ru_utime) + us_of(use.ru_stime);
  }
  return load;
}

static struct load since;

static int percent(long long part, long long total) { return total > 0 ? (int)(part * 100 / total) : 0; }

static void quiet(const char* label, long ms) {
  int busy = 1;
  struct load before, after = load_now();
  for (long waited = 0; busy && waited < ms && !stopped; waited += 200) {
    before = after;
    pause_us(200000);
    after = load_now();
    busy = percent(after.idle - before.idle, after.total - before.total) < 85;
  }
  since = after;
  printf("%s\t%d\n", label, busy);
}

static void foreign(const char* label) {
  struct load load = load_now();
  long long total = load.total - since.total;
  long long used = total - (load.idle - since.idle) - (load.own - since.own);
  printf("%s\t%d\n", label, percent(used > 0 ? used : 0, total));
}

static void remove_cgroups(const char* prefix, const char* parent, int depth) {
  DIR* dir = opendir(parent);
  if (dir == NULL) return;
  struct dirent* entry;
  char path[4096];
  while ((entry = readdir(dir)) != NULL) {
    if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%s/%s", parent, entry->d_name);
    if (depth > 0) remove_cgroups(prefix, path, depth - 1);
    if (strstr(entry->d_name, prefix) == NULL) continue;
    char file[4200];
    snprintf(file, sizeof file, "%s/cgroup.kill", path);
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
      if (write(fd, "1", 1) < 0) perror(file);
      close(fd);
    }
    for (int i = 0; i < 1000 && rmdir(path) < 0 && errno == EBUSY; i++) {
      while (waitpid(-1, NULL, WNOHANG) > 0) continue;
      pause_us(1000);
    }
  }
  closedir(dir);
}

static void clean_up(const char* prefix) {
  pid_t child = fork();
  if (child == 0) {
    if (view_count > 0 && setns(views[0].ns, CLONE_NEWNS) == 0) remove_cgroups(prefix, "/sys/fs/cgroup", 2);
    _exit(0);
  }
  while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
  // Kill the commands that have no cgroup, too.
  char path[64];
  snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
  FILE* file = fopen(path, "re");
  int pid;
  while (file != NULL && fscanf(file, "%d", &pid) == 1) kill(pid, SIGKILL);
  if (file != NULL) fclose(file);
  while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) continue;
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  directory = argv[1];
  struct sigaction action = {.sa_handler = stop};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  must(prctl(PR_SET_CHILD_SUBREAPER, 1), "prctl");
  // Networks are made in a network namespace that ends with this process, and recorded on its tmpfs.
  must(unshare(CLONE_NEWNS | CLONE_NEWNET), "unshare");
  snprintf(networks, sizeof networks, "TSUBO_NETWORKS=%s/networks", directory);
  must(mount("", "/", "", MS_REC | MS_PRIVATE, ""), "private");
  must(mount("tmpfs", directory, "tmpfs", 0, "mode=755"), directory);
  char path[4096];
  snprintf(path, sizeof path, "%s/command-output", directory);
  output = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  must(output, path);
  // Commands must not read the orders: they get an empty standard input.
  int orders_fd = fcntl(0, F_DUPFD_CLOEXEC, 10);
  must(orders_fd, "orders");
  int nothing = open("/dev/null", O_RDONLY);
  must(nothing, "/dev/null");
  dup2(nothing, 0);
  close(nothing);
  FILE* orders = fdopen(orders_fd, "re");
  char* line = NULL;
  size_t room = 0;
  ssize_t length;
  while (!stopped && (length = getline(&line, &room, orders)) > 0) {
    if (line[length - 1] == '\n') line[length - 1] = 0;
    char* fields[kMaxFields + 1] = {0};
    int n = 0;
    for (char* rest = line; rest != NULL && n < kMaxFields;) fields[n++] = strsep(&rest, "\t");
    const char* verb = fields[0];
    if (strcmp(verb, "view") == 0 && n >= 3)
      make_view(fields);
    else if (strcmp(verb, "time") == 0 && n >= 4)
      time_command(fields);
    else if (strcmp(verb, "count") == 0 && n >= 4)
      count_command(fields);
    else if (strcmp(verb, "pid") == 0 && n == 2)
      read_pid(fields[1]);
    else if (strcmp(verb, "reap") == 0)
      reap(0);
    else if (strcmp(verb, "kill") == 0)
      reap(SIGKILL);
    else if (strcmp(verb, "memory") == 0 && n == 2)
      memory(fields[1]);
    else if (strcmp(verb, "quiet") == 0 && n == 3)
      quiet(fields[1], atol(fields[2]));
    else if (strcmp(verb, "foreign") == 0 && n == 2)
      foreign(fields[1]);
    else if (strcmp(verb, ".") == 0) {
      printf(".\n");
      fflush(stdout);
    } else {
      fprintf(stderr, "lap: unknown order: %s\n", verb);
      exit(1);
    }
  }
  clean_up(argv[2]);
  return stopped ? 130 : 0;
}
