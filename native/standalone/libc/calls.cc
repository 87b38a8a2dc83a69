// SPDX-License-Identifier: Apache-2.0
//
// System calls under the names that C gives them, with errno.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <charconv>

#include "core/syscall.h"

using namespace tsubo;

namespace {

template <typename T>
long number(T value) {
  if constexpr (std::is_null_pointer_v<T>) {
    return 0;
  } else if constexpr (std::is_pointer_v<T>) {
    return sys::arg(value);
  } else {
    return static_cast<long>(value);
  }
}

template <typename... Values>
long call(long nr, Values... values) {
  long r = sys::call(nr, number(values)...);
  if (r >= 0 || r < -4095) return r;
  errno = static_cast<int>(-r);
  return -1;
}

template <typename... Values>
int small(long nr, Values... values) {
  return static_cast<int>(call(nr, values...));
}

}  // namespace

extern "C" {

// files

int open(const char* path, int flags, ...) {
  va_list values;
  va_start(values, flags);
  mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(values, mode_t) : 0;
  va_end(values);
  return small(__NR_openat, AT_FDCWD, path, flags, mode);
}
int openat(int dir, const char* path, int flags, ...) {
  va_list values;
  va_start(values, flags);
  mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(values, mode_t) : 0;
  va_end(values);
  return small(__NR_openat, dir, path, flags, mode);
}
int close(int fd) { return small(__NR_close, fd); }
ssize_t read(int fd, void* to, size_t size) { return call(__NR_read, fd, to, size); }
ssize_t write(int fd, const void* from, size_t size) { return call(__NR_write, fd, from, size); }
ssize_t pread(int fd, void* to, size_t size, off_t at) { return call(__NR_pread64, fd, to, size, at); }
ssize_t pwrite(int fd, const void* from, size_t size, off_t at) { return call(__NR_pwrite64, fd, from, size, at); }
ssize_t readv(int fd, const iovec* parts, int count) { return call(__NR_readv, fd, parts, count); }
ssize_t writev(int fd, const iovec* parts, int count) { return call(__NR_writev, fd, parts, count); }
off_t lseek(int fd, off_t to, int from) noexcept { return call(__NR_lseek, fd, to, from); }
int ftruncate(int fd, off_t size) noexcept { return small(__NR_ftruncate, fd, size); }
int fsync(int fd) { return small(__NR_fsync, fd); }
int fcntl(int fd, int command, ...) {
  va_list values;
  va_start(values, command);
  long value = va_arg(values, long);
  va_end(values);
  return small(__NR_fcntl, fd, command, value);
}
int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list values;
  va_start(values, request);
  long value = va_arg(values, long);
  va_end(values);
  return small(__NR_ioctl, fd, request, value);
}
int isatty(int fd) noexcept {
  char settings[256];
  return ioctl(fd, TCGETS, settings) == 0 ? 1 : 0;
}
// The kernel's settings are the first part of C's.
int tcgetattr(int fd, termios* to) noexcept {
  memset(to, 0, sizeof *to);
  return ioctl(fd, TCGETS, to);
}
int tcsetattr(int fd, int when, const termios* from) noexcept {
  return ioctl(fd, static_cast<unsigned long>(when == TCSANOW ? TCSETS : when == TCSADRAIN ? TCSETSW : TCSETSF), from);
}
void cfmakeraw(termios* t) noexcept {
  t->c_iflag &= ~static_cast<tcflag_t>(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
  t->c_oflag &= ~static_cast<tcflag_t>(OPOST);
  t->c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
  t->c_cflag = (t->c_cflag & ~static_cast<tcflag_t>(CSIZE | PARENB)) | CS8;
  t->c_cc[VMIN] = 1;
  t->c_cc[VTIME] = 0;
}
int inotify_init1(int flags) noexcept { return small(__NR_inotify_init1, flags); }
int inotify_add_watch(int fd, const char* path, uint32_t events) noexcept {
  return small(__NR_inotify_add_watch, fd, path, events);
}
int inotify_rm_watch(int fd, int watch) noexcept { return small(__NR_inotify_rm_watch, fd, watch); }
int eventfd(unsigned value, int flags) noexcept { return small(__NR_eventfd2, value, flags); }
int dup2(int from, int to) noexcept { return from == to ? (fcntl(from, F_GETFD) < 0 ? -1 : to) : dup3(from, to, 0); }
int dup(int fd) noexcept { return small(__NR_dup, fd); }
int dup3(int from, int to, int flags) noexcept { return small(__NR_dup3, from, to, flags); }
int pipe2(int* ends, int flags) noexcept { return small(__NR_pipe2, ends, flags); }
int flock(int fd, int operation) noexcept { return small(__NR_flock, fd, operation); }
int memfd_create(const char* name, unsigned flags) noexcept { return small(__NR_memfd_create, name, flags); }

// names

#if defined(__x86_64__)
int fstatat(int dir, const char* path, struct stat* to, int flags) noexcept {
  return small(__NR_newfstatat, dir, path, to, flags);
}
#else
int fstatat(int dir, const char* path, struct stat* to, int flags) noexcept {
  return small(__NR3264_fstatat, dir, path, to, flags);
}
#endif
int fstat(int fd, struct stat* to) noexcept { return small(__NR_fstat, fd, to); }
int stat(const char* path, struct stat* to) noexcept { return fstatat(AT_FDCWD, path, to, 0); }
int lstat(const char* path, struct stat* to) noexcept { return fstatat(AT_FDCWD, path, to, AT_SYMLINK_NOFOLLOW); }
int statfs(const char* path, struct statfs* to) noexcept { return small(__NR_statfs, path, to); }
int fstatfs(int fd, struct statfs* to) noexcept { return small(__NR_fstatfs, fd, to); }
int faccessat(int dir, const char* path, int mode, int flags) noexcept {
  if (flags == 0) return small(__NR_faccessat, dir, path, mode);
  return small(__NR_faccessat2, dir, path, mode, flags);
}
int access(const char* path, int mode) noexcept { return faccessat(AT_FDCWD, path, mode, 0); }
int mkdir(const char* path, mode_t mode) noexcept { return small(__NR_mkdirat, AT_FDCWD, path, mode); }
int mkdirat(int dir, const char* path, mode_t mode) noexcept { return small(__NR_mkdirat, dir, path, mode); }
int mkfifo(const char* path, mode_t mode) noexcept { return small(__NR_mknodat, AT_FDCWD, path, mode | S_IFIFO, 0); }
int rmdir(const char* path) noexcept { return small(__NR_unlinkat, AT_FDCWD, path, AT_REMOVEDIR); }
int unlink(const char* path) noexcept { return small(__NR_unlinkat, AT_FDCWD, path, 0); }
int unlinkat(int dir, const char* path, int flags) noexcept { return small(__NR_unlinkat, dir, path, flags); }
int rename(const char* from, const char* to) noexcept { return small(__NR_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0); }
int symlink(const char* target, const char* path) noexcept { return small(__NR_symlinkat, target, AT_FDCWD, path); }
ssize_t readlink(const char* path, char* to, size_t size) noexcept {
  return call(__NR_readlinkat, AT_FDCWD, path, to, size);
}
ssize_t readlinkat(int dir, const char* path, char* to, size_t size) noexcept {
  return call(__NR_readlinkat, dir, path, to, size);
}
int chmod(const char* path, mode_t mode) noexcept { return small(__NR_fchmodat, AT_FDCWD, path, mode); }
int fchmod(int fd, mode_t mode) noexcept { return small(__NR_fchmod, fd, mode); }
int fchown(int fd, uid_t uid, gid_t gid) noexcept { return small(__NR_fchown, fd, uid, gid); }
int fchownat(int dir, const char* path, uid_t uid, gid_t gid, int flags) noexcept {
  return small(__NR_fchownat, dir, path, uid, gid, flags);
}
int chown(const char* path, uid_t uid, gid_t gid) noexcept { return fchownat(AT_FDCWD, path, uid, gid, 0); }
int lchown(const char* path, uid_t uid, gid_t gid) noexcept {
  return fchownat(AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW);
}
int mount(const char* source, const char* target, const char* type, unsigned long flags, const void* data) noexcept {
  return small(__NR_mount, source, target, type, flags, data);
}
int umount2(const char* target, int flags) noexcept { return small(__NR_umount2, target, flags); }
int chdir(const char* path) noexcept { return small(__NR_chdir, path); }
int fchdir(int fd) noexcept { return small(__NR_fchdir, fd); }
mode_t umask(mode_t mask) noexcept { return static_cast<mode_t>(call(__NR_umask, mask)); }

char* getcwd(char* to, size_t size) noexcept {
  if (call(__NR_getcwd, to, size) < 0) return nullptr;
  if (*to == '/') return to;
  // "(unreachable)": outside of our root
  errno = ENOENT;
  return nullptr;
}

// The kernel finds the way, whatever is linked on it; /proc tells where that led.
char* realpath(const char* path, char* resolved) noexcept {
  int fd = open(path, O_PATH | O_CLOEXEC);
  if (fd < 0) return nullptr;
  char self[32] = "/proc/self/fd/";
  *std::to_chars(self + 14, self + sizeof self - 1, fd).ptr = '\0';
  ssize_t n = readlink(self, resolved, PATH_MAX);
  close(fd);
  if (n < 0) return nullptr;
  errno = n == PATH_MAX ? ENAMETOOLONG : ENOENT;
  if (n == PATH_MAX || *resolved != '/') return nullptr;
  resolved[n] = '\0';
  // removed meanwhile, and said so in its name
  constexpr char kGone[] = " (deleted)";
  constexpr ssize_t kGoneLength = sizeof kGone - 1;
  if (n > kGoneLength && strcmp(resolved + n - kGoneLength, kGone) == 0 && access(resolved, F_OK) < 0) return nullptr;
  return resolved;
}

// directories

struct __dirstream {
  int fd;
  long filled;
  long at;
  alignas(dirent) char entries[4096];
};

DIR* opendir(const char* path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return nullptr;
  auto* directory = static_cast<DIR*>(malloc(sizeof(DIR)));
  if (directory == nullptr) {
    close(fd);
    return nullptr;
  }
  directory->fd = fd;
  directory->filled = directory->at = 0;
  return directory;
}
dirent* readdir(DIR* directory) {
  if (directory->at == directory->filled) {
    long n = call(__NR_getdents64, directory->fd, directory->entries, sizeof directory->entries);
    if (n <= 0) return nullptr;
    directory->filled = n;
    directory->at = 0;
  }
  auto* entry = reinterpret_cast<dirent*>(directory->entries + directory->at);
  directory->at += entry->d_reclen;
  return entry;
}
int dirfd(DIR* directory) noexcept { return directory->fd; }
int closedir(DIR* directory) {
  int r = close(directory->fd);
  free(directory);
  return r;
}

// processes

long syscall(long nr, ...) noexcept {
  va_list values;
  va_start(values, nr);
  long v[6];
  for (long& value : v) value = va_arg(values, long);
  va_end(values);
  return call(nr, v[0], v[1], v[2], v[3], v[4], v[5]);
}
int prctl(int option, ...) noexcept {
  va_list values;
  va_start(values, option);
  long v[4];
  for (long& value : v) value = va_arg(values, long);
  va_end(values);
  return small(__NR_prctl, option, v[0], v[1], v[2], v[3]);
}
pid_t getpid() noexcept { return small(__NR_getpid); }
pid_t getppid() noexcept { return small(__NR_getppid); }
uid_t getuid() noexcept { return static_cast<uid_t>(call(__NR_getuid)); }
gid_t getgid() noexcept { return static_cast<gid_t>(call(__NR_getgid)); }
uid_t geteuid() noexcept { return static_cast<uid_t>(call(__NR_geteuid)); }
gid_t getegid() noexcept { return static_cast<gid_t>(call(__NR_getegid)); }
pid_t getpgrp() noexcept { return small(__NR_getpgid, 0); }
pid_t getpgid(pid_t pid) noexcept { return small(__NR_getpgid, pid); }
pid_t getsid(pid_t pid) noexcept { return small(__NR_getsid, pid); }
int setpgid(pid_t pid, pid_t group) noexcept { return small(__NR_setpgid, pid, group); }
pid_t tcgetpgrp(int fd) noexcept {
  pid_t group;
  return ioctl(fd, TIOCGPGRP, &group) < 0 ? -1 : group;
}
int tcsetpgrp(int fd, pid_t group) noexcept { return ioctl(fd, TIOCSPGRP, &group); }
int raise(int signal) noexcept { return kill(getpid(), signal); }
pid_t setsid() noexcept { return small(__NR_setsid); }
int setns(int fd, int kind) noexcept { return small(__NR_setns, fd, kind); }
int unshare(int kinds) noexcept { return small(__NR_unshare, kinds); }
int kill(pid_t pid, int signal) noexcept { return small(__NR_kill, pid, signal); }
int waitid(idtype_t kind, id_t id, siginfo_t* info, int options) {
  return small(__NR_waitid, kind, id, info, options, nullptr);
}
pid_t waitpid(pid_t pid, int* status, int options) { return small(__NR_wait4, pid, status, options, nullptr); }
int execve(const char* path, char* const args[], char* const env[]) noexcept {
  return small(__NR_execve, path, args, env);
}
int getrlimit(__rlimit_resource_t resource, rlimit* to) noexcept {
  return small(__NR_prlimit64, 0, resource, nullptr, to);
}
int setrlimit(__rlimit_resource_t resource, const rlimit* to) noexcept {
  return small(__NR_prlimit64, 0, resource, to, nullptr);
}
int prlimit(pid_t pid, __rlimit_resource resource, const rlimit* to, rlimit* before) noexcept {
  return small(__NR_prlimit64, pid, resource, to, before);
}
int uname(utsname* to) noexcept { return small(__NR_uname, to); }
int sched_getaffinity(pid_t pid, size_t size, cpu_set_t* to) noexcept {
  memset(to, 0, size);
  return call(__NR_sched_getaffinity, pid, size, to) < 0 ? -1 : 0;
}
void* mmap(void* at, size_t size, int protection, int flags, int fd, off_t offset) noexcept {
  return reinterpret_cast<void*>(call(__NR_mmap, at, size, protection, flags, fd, offset));
}
int munmap(void* at, size_t size) noexcept { return small(__NR_munmap, at, size); }

char* getenv(const char* name) noexcept {
  size_t n = strlen(name);
  for (char** entry = environ; *entry != nullptr; entry++) {
    if (strncmp(*entry, name, n) == 0 && (*entry)[n] == '=') return *entry + n + 1;
  }
  return nullptr;
}

// time

int clock_gettime(clockid_t clock, timespec* to) noexcept { return small(__NR_clock_gettime, clock, to); }
int gettimeofday(timeval* to, void*) noexcept {
  timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) < 0) return -1;
  *to = {now.tv_sec, now.tv_nsec / 1000};
  return 0;
}
int nanosleep(const timespec* time, timespec* left) { return small(__NR_nanosleep, time, left); }
int poll(pollfd* watched, nfds_t count, int ms) {
  timespec time = {ms / 1000, ms % 1000 * 1000000L};
  return small(__NR_ppoll, watched, count, ms < 0 ? nullptr : &time, nullptr, 0);
}

int ppoll(pollfd* watched, nfds_t count, const timespec* time, const sigset_t* mask) {
  // the kernel changes it
  timespec left = time == nullptr ? timespec{} : *time;
  return small(__NR_ppoll, watched, count, time == nullptr ? nullptr : &left, mask, 8);
}

// sockets

int socket(int domain, int type, int protocol) noexcept { return small(__NR_socket, domain, type, protocol); }
int socketpair(int domain, int type, int protocol, int* pair) noexcept {
  return small(__NR_socketpair, domain, type, protocol, pair);
}
int connect(int fd, const sockaddr* to, socklen_t size) { return small(__NR_connect, fd, to, size); }
int bind(int fd, const sockaddr* at, socklen_t size) noexcept { return small(__NR_bind, fd, at, size); }
int listen(int fd, int backlog) noexcept { return small(__NR_listen, fd, backlog); }
int accept4(int fd, sockaddr* from, socklen_t* size, int flags) { return small(__NR_accept4, fd, from, size, flags); }
ssize_t send(int fd, const void* from, size_t size, int flags) {
  return call(__NR_sendto, fd, from, size, flags, nullptr, 0);
}
ssize_t recv(int fd, void* to, size_t size, int flags) {
  return call(__NR_recvfrom, fd, to, size, flags, nullptr, nullptr);
}
ssize_t sendmsg(int fd, const msghdr* message, int flags) { return call(__NR_sendmsg, fd, message, flags); }
ssize_t recvmsg(int fd, msghdr* message, int flags) { return call(__NR_recvmsg, fd, message, flags); }
int setsockopt(int fd, int level, int option, const void* value, socklen_t size) noexcept {
  return small(__NR_setsockopt, fd, level, option, value, size);
}
int getsockopt(int fd, int level, int option, void* value, socklen_t* size) noexcept {
  return small(__NR_getsockopt, fd, level, option, value, size);
}
int shutdown(int fd, int how) noexcept { return small(__NR_shutdown, fd, how); }

// signals

#if defined(__x86_64__)
void tsubo_after_signal();
asm("tsubo_after_signal:\n  mov $15, %eax\n  syscall\n");  // rt_sigreturn
constexpr unsigned long kRestorer = 0x04000000;            // SA_RESTORER
#endif

int sigaction(int signal, const struct sigaction* set, struct sigaction* before) noexcept {
  struct {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    uint64_t mask;
  } to = {}, was = {};
  if (set != nullptr) {
    to.handler = set->sa_handler;
    to.flags = static_cast<unsigned>(set->sa_flags);
    memcpy(&to.mask, &set->sa_mask, sizeof to.mask);
#if defined(__x86_64__)
    to.flags |= kRestorer;
    to.restorer = tsubo_after_signal;
#endif
  }
  if (call(__NR_rt_sigaction, signal, set == nullptr ? nullptr : &to, &was, sizeof to.mask) < 0) return -1;
  if (before != nullptr) {
    before->sa_handler = was.handler;
    before->sa_flags = static_cast<int>(was.flags);
    memset(&before->sa_mask, 0, sizeof before->sa_mask);
    memcpy(&before->sa_mask, &was.mask, sizeof was.mask);
  }
  return 0;
}
int sigprocmask(int how, const sigset_t* set, sigset_t* before) noexcept {
  return small(__NR_rt_sigprocmask, how, set, before, 8);
}
int sigfillset(sigset_t* set) noexcept {
  memset(set, 0xff, sizeof *set);
  return 0;
}
int sigemptyset(sigset_t* set) noexcept {
  memset(set, 0, sizeof *set);
  return 0;
}
int sigaddset(sigset_t* set, int signal) noexcept {
  reinterpret_cast<uint64_t*>(set)[0] |= uint64_t{1} << (signal - 1);
  return 0;
}
int __libc_current_sigrtmin() noexcept { return 34; }
int __libc_current_sigrtmax() noexcept { return 64; }

// Threads: there is one.

int pthread_once(pthread_once_t* once, void (*work)()) {
  if (*once == 0) work();
  *once = 1;
  return 0;
}
int pthread_mutex_init(pthread_mutex_t*, const pthread_mutexattr_t*) noexcept { return 0; }
int pthread_mutex_lock(pthread_mutex_t*) noexcept { return 0; }
int pthread_mutex_unlock(pthread_mutex_t*) noexcept { return 0; }
int pthread_condattr_init(pthread_condattr_t*) noexcept { return 0; }
int pthread_condattr_setclock(pthread_condattr_t*, clockid_t) noexcept { return 0; }
int pthread_condattr_destroy(pthread_condattr_t*) noexcept { return 0; }
int pthread_cond_init(pthread_cond_t*, const pthread_condattr_t*) noexcept { return 0; }
int pthread_cond_destroy(pthread_cond_t*) noexcept { return 0; }
int pthread_cond_signal(pthread_cond_t*) noexcept { return 0; }
int pthread_cond_wait(pthread_cond_t*, pthread_mutex_t*) { abort(); }
int pthread_cond_timedwait(pthread_cond_t*, pthread_mutex_t*, const timespec*) { abort(); }

}  // extern "C"

// The child returns first, over the frame that the parent comes back to: the address it returns to is kept elsewhere.
#if defined(__x86_64__)
asm(".globl vfork\nvfork:\n"
    "  pop %rdx\n  mov $58, %eax\n  syscall\n  push %rdx\n"
    "  test %rax, %rax\n  js 1f\n  ret\n"
    "1:\n  neg %eax\n  push %rax\n  call __errno_location\n  pop %rcx\n  mov %ecx, (%rax)\n  mov $-1, %eax\n  ret\n");
#elif defined(__aarch64__)
asm(".globl vfork\nvfork:\n"
    "  mov x0, #0x4111\n  mov x1, #0\n  mov x2, #0\n  mov x3, #0\n  mov x4, #0\n  mov x8, #220\n  svc 0\n"
    "  tbnz x0, #63, 1f\n  ret\n"
    "1:\n  stp x29, x30, [sp, #-32]!\n  neg x0, x0\n  str x0, [sp, #16]\n  bl __errno_location\n  ldr x1, [sp, #16]\n"
    "  str w1, [x0]\n  mov x0, #-1\n  ldp x29, x30, [sp], #32\n  ret\n");
#endif
