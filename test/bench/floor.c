// SPDX-License-Identifier: Apache-2.0
// The work of the kernel for one container of the default bundle: the same cgroup, namespaces, mounts, masks,
// capabilities and program, hard-coded. There is no config, validation, state or report. It has no step that can be
// omitted, and therefore no runtime can be faster.
//
// usage: floor ROOTFS CGROUP PROGRAM [FILTER [OVERLAY]]
//
// CGROUP is made, and removed at the end; FILTER is an array of struct sock_filter, loaded last (empty: none). OVERLAY are
// the options of an overlay that covers ROOTFS; the marker of a volatile one is removed at the end.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(long result, const char* what) {
  if (result >= 0) return;
  perror(what);
  _exit(125);
}

static const struct {
  const char *source, *target, *type;
  unsigned long flags;
  const char* data;
} kMounts[] = {
    {"proc", "proc", "proc", 0, NULL},
    {"tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"},
    {"devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"},
    {"shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=1777,size=65536k"},
    {"mqueue", "dev/mqueue", "mqueue", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL},
    {"sysfs", "sys", "sysfs", MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY, NULL},
    {"cgroup", "sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RELATIME | MS_RDONLY, NULL},
};

static const struct {
  const char* path;
  unsigned major, minor;
} kDevices[] = {{"dev/null", 1, 3}, {"dev/zero", 1, 5},   {"dev/full", 1, 7},
                {"dev/tty", 5, 0},  {"dev/random", 1, 8}, {"dev/urandom", 1, 9}};

static const char* const kLinks[][2] = {{"/proc/self/fd", "dev/fd"},
                                        {"/proc/self/fd/0", "dev/stdin"},
                                        {"/proc/self/fd/1", "dev/stdout"},
                                        {"/proc/self/fd/2", "dev/stderr"},
                                        {"pts/ptmx", "dev/ptmx"}};

static const char* const kReadonly[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
static const char* const kMasked[] = {"/proc/acpi",        "/proc/asound",      "/proc/kcore",         "/proc/keys",
                                      "/proc/timer_list",  "/proc/timer_stats", "/proc/latency_stats", "/proc/scsi",
                                      "/proc/sched_debug", "/sys/firmware"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

// The maximum length that the kernel accepts is BPF_MAXINSNS.
static struct sock_filter instructions[BPF_MAXINSNS];

static void inside(const char* rootfs, const char* program, size_t filter, const char* overlay) {
  must(unshare(CLONE_NEWCGROUP), "unshare");  // only now is the cgroup of the container the root of the new namespace
  must(mount("", "/", "", MS_REC | MS_PRIVATE, ""), "private");
  if (overlay != NULL) {
    must(mount("overlay", rootfs, "overlay", 0, overlay), "overlay");
  } else {
    must(mount(rootfs, rootfs, "", MS_BIND | MS_REC, ""), "bind the root");
  }
  must(chdir(rootfs), rootfs);
  umask(0);
  for (size_t i = 0; i < COUNT(kMounts); i++) {
    if (i == 2) {
      must(mkdir("dev/pts", 0755), "dev/pts");
      must(mkdir("dev/shm", 0755), "dev/shm");
      must(mkdir("dev/mqueue", 0755), "dev/mqueue");
    }
    must(mount(kMounts[i].source, kMounts[i].target, kMounts[i].type, kMounts[i].flags, kMounts[i].data),
         kMounts[i].target);
  }
  for (size_t i = 0; i < COUNT(kDevices); i++) {
    must(mknod(kDevices[i].path, S_IFCHR | 0666, makedev(kDevices[i].major, kDevices[i].minor)), kDevices[i].path);
  }
  for (size_t i = 0; i < COUNT(kLinks); i++) must(symlink(kLinks[i][0], kLinks[i][1]), kLinks[i][1]);
  must(sethostname("runc", 4), "sethostname");
  must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
  must(umount2(".", MNT_DETACH), "umount2");
  must(chdir("/"), "chdir");
  for (size_t i = 0; i < COUNT(kReadonly); i++) {
    if (mount(kReadonly[i], kReadonly[i], "", MS_BIND | MS_REC, "") < 0) continue;
    must(mount("", kReadonly[i], "", MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, ""),
         kReadonly[i]);
  }
  for (size_t i = 0; i < COUNT(kMasked); i++) {
    if (mount("/dev/null", kMasked[i], "", MS_BIND, "") == 0 || errno == ENOENT) continue;
    must(mount("tmpfs", kMasked[i], "tmpfs", MS_RDONLY, "size=0k,nr_inodes=1"), kMasked[i]);
  }
  must(mount("", "/", "", MS_BIND | MS_REMOUNT | MS_RDONLY, ""), "readonly root");
  struct rlimit files = {1024, 1024};
  must(setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
  uint32_t kept = 1U << CAP_KILL | 1U << CAP_NET_BIND_SERVICE | 1U << CAP_AUDIT_WRITE;
  for (int i = 0; i <= CAP_LAST_CAP; i++) {
    if (!(i < 32 && (kept >> i & 1)) && prctl(PR_CAPBSET_DROP, i) < 0 && errno == EINVAL) break;
  }
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2] = {{kept, kept, 0}, {0, 0, 0}};
  must(syscall(SYS_capset, &header, sets), "capset");
  must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
  if (filter > 0) {
    struct sock_fprog loaded = {(unsigned short)(filter / sizeof *instructions), instructions};
    must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &loaded), "seccomp");
  }
  char* argv[] = {(char*)program, NULL};
  char* environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm", NULL};
  execve(program, argv, environment);
  must(-1, program);
}

// The kernel makes it in the work directory, which is the second to last option, and refuses the next mount while it is
// there.
static void remove_marker(const char* overlay) {
  const char* work = strstr(overlay, "workdir=") + strlen("workdir=");
  char path[4200];
  int length = snprintf(path, sizeof path, "%.*s/work/incompat/volatile/dirty", (int)strcspn(work, ","), work);
  must(unlink(path), path);
  path[length - (int)strlen("/dirty")] = '\0';
  must(rmdir(path), path);
}

int main(int argc, char** argv) {
  if (argc < 4 || argc > 6) return 2;
  const char* overlay = argc == 6 ? argv[5] : NULL;
  long filter = 0;
  if (argc >= 5 && *argv[4] != '\0') {
    int file = open(argv[4], O_RDONLY | O_CLOEXEC);
    must(file, argv[4]);
    filter = read(file, instructions, sizeof instructions);
    must(filter, argv[4]);
    close(file);
  }
  must(mkdir(argv[2], 0755), argv[2]);
  int cgroup = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  must(cgroup, argv[2]);
  struct clone_args args = {
      .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_INTO_CGROUP,
      .exit_signal = SIGCHLD,
      .cgroup = (uint64_t)cgroup,
  };
  long pid = syscall(SYS_clone3, &args, sizeof args);
  must(pid, "clone3");
  if (pid == 0) inside(argv[1], argv[3], (size_t)filter, overlay);
  int status = 0;
  must(waitpid((pid_t)pid, &status, 0), "waitpid");
  must(rmdir(argv[2]), argv[2]);
  if (overlay != NULL && strstr(overlay, ",volatile") != NULL) remove_marker(overlay);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
