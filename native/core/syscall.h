// SPDX-License-Identifier: Apache-2.0
//
// System calls without a C library. Code between clone and exec must not touch errno, locks or the heap of the process
// it was cloned from, and the init has no C library. Each function returns the kernel's result: a negative errno on
// failure. EINTR is handled here for the calls that can return it.
#pragma once

#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/types.h>
#include <stddef.h>
#include <stdint.h>

namespace tsubo::sys {

#if defined(__clang_analyzer__)
// clang-tidy cannot determine that a system call writes to memory. It assumes that an unknown function does.
[[nodiscard]] long call(long nr, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0);
#elif defined(__x86_64__)
[[nodiscard]] inline long call(long nr, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
[[nodiscard]] inline long call(long nr, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  register long x8 asm("x8") = nr;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  register long x5 asm("x5") = f;
  asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory", "cc");
  return x0;
}
#else
#error "tsubo runs on x86_64 and arm64"
#endif

inline long arg(const void* pointer) { return reinterpret_cast<long>(pointer); }

// The kernel's layouts, the same on both architectures.
struct OpenHow {
  uint64_t flags;
  uint64_t mode;
  uint64_t resolve;
};
struct MountAttr {
  uint64_t set;
  uint64_t clear;
  uint64_t propagation;
  uint64_t userns_fd;
};
struct Rlimit64 {
  uint64_t soft;
  uint64_t hard;
};

// Marks a call whose failure changes nothing that follows; a comment at each use explains why.
inline void unchecked(long) {}

// Linux releases the descriptor whatever close(2) returns. If a seccomp filter refuses the call, the exec closes it:
// every descriptor of the init is close-on-exec.
inline void close(int fd) { unchecked(call(__NR_close, fd)); }
[[nodiscard]] inline long openat(int dir, const char* path, int flags, unsigned mode = 0) {
  return call(__NR_openat, dir, arg(path), flags, mode);
}
[[nodiscard]] inline long openat2(int dir, const char* path, const OpenHow* how) {
  return call(__NR_openat2, dir, arg(path), arg(how), sizeof *how);
}
// The retries on EINTR are limited: a seccomp filter may return it for every call.
inline constexpr int kMostInterruptions = 1000;
template <typename Call>
[[nodiscard]] long uninterrupted(Call call) {
  long r = call();
  for (int tries = 0; r == -EINTR && tries < kMostInterruptions; tries++) r = call();
  return r;
}
[[nodiscard]] inline long read(int fd, void* to, size_t size) {
  return uninterrupted([&] { return call(__NR_read, fd, arg(to), static_cast<long>(size)); });
}
[[nodiscard]] inline long write(int fd, const void* from, size_t size) {
  return uninterrupted([&] { return call(__NR_write, fd, arg(from), static_cast<long>(size)); });
}
[[nodiscard]] inline long mkdirat(int dir, const char* path, unsigned mode) {
  return call(__NR_mkdirat, dir, arg(path), mode);
}
[[nodiscard]] inline long mknodat(int dir, const char* path, unsigned mode, uint64_t dev) {
  return call(__NR_mknodat, dir, arg(path), mode, static_cast<long>(dev));
}
[[nodiscard]] inline long symlinkat(const char* target, int dir, const char* path) {
  return call(__NR_symlinkat, arg(target), dir, arg(path));
}
[[nodiscard]] inline long readlinkat(int dir, const char* path, char* to, size_t size) {
  return call(__NR_readlinkat, dir, arg(path), arg(to), static_cast<long>(size));
}
[[nodiscard]] inline long fchownat(int dir, const char* path, unsigned uid, unsigned gid, int flags) {
  return call(__NR_fchownat, dir, arg(path), uid, gid, flags);
}
[[nodiscard]] inline long mount(const char* source, const char* target, const char* type, unsigned long flags,
                                const char* data) {
  return call(__NR_mount, arg(source), arg(target), arg(type), static_cast<long>(flags), arg(data));
}
[[nodiscard]] inline long umount2(const char* target, int flags) { return call(__NR_umount2, arg(target), flags); }
[[nodiscard]] inline long fsopen(const char* type, unsigned flags) { return call(__NR_fsopen, arg(type), flags); }
[[nodiscard]] inline long fsconfig(int fd, unsigned command, const char* key, const void* value, int aux) {
  return call(__NR_fsconfig, fd, command, arg(key), arg(value), aux);
}
[[nodiscard]] inline long fsmount(int fd, unsigned flags, uint64_t attributes) {
  return call(__NR_fsmount, fd, flags, static_cast<long>(attributes));
}
[[nodiscard]] inline long open_tree(int dir, const char* path, unsigned flags) {
  return call(__NR_open_tree, dir, arg(path), flags);
}
[[nodiscard]] inline long move_mount(int from, const char* from_path, int to, const char* to_path, unsigned flags) {
  return call(__NR_move_mount, from, arg(from_path), to, arg(to_path), flags);
}
#ifndef __NR_faccessat2
#define __NR_faccessat2 439
#endif
#ifndef __NR_mount_setattr
#define __NR_mount_setattr 442
#endif
[[nodiscard]] inline long mount_setattr(int dir, const char* path, unsigned flags, const MountAttr* attr) {
  return call(__NR_mount_setattr, dir, arg(path), flags, arg(attr), sizeof *attr);
}
[[nodiscard]] inline long prctl(int option, unsigned long a = 0, unsigned long b = 0, unsigned long c = 0,
                                unsigned long d = 0) {
  return call(__NR_prctl, option, static_cast<long>(a), static_cast<long>(b), static_cast<long>(c),
              static_cast<long>(d));
}
[[nodiscard]] inline long fchdir(int fd) { return call(__NR_fchdir, fd); }
[[nodiscard]] inline long chdir(const char* path) { return call(__NR_chdir, arg(path)); }
[[nodiscard]] inline long fcntl(int fd, int command, long value) { return call(__NR_fcntl, fd, command, value); }
[[nodiscard]] inline long close_range(unsigned first, unsigned last, unsigned flags) {
  return call(__NR_close_range, first, last, flags);
}
// A seccomp filter may refuse exit_group(2) like any other call. It cannot refuse a fault: the kernel ends the process
// with the signal's default action, even the first process of a pid namespace.
[[noreturn]] inline void exit(int code) {
  unchecked(call(__NR_exit_group, code));
  __builtin_trap();
}

}  // namespace tsubo::sys
