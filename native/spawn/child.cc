// SPDX-License-Identifier: Apache-2.0
#include "spawn/child.h"

#include <asm/fcntl.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/sched.h>

namespace tsubo {

namespace {

__attribute__((noreturn)) void give_up(Child* child, const char* syscall, long result) {
  child->error = static_cast<int>(-result);
  child->syscall = syscall;
  sys::exit(127);
}

// The init is executed before its user namespace has mappings, therefore as the overflow user: the exec keeps only
// ambient capabilities.
void keep_capabilities(Child* child) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2] = {};
  long r = sys::call(__NR_capget, sys::arg(&header), sys::arg(sets));
  if (r < 0) give_up(child, "capget", r);
  for (auto& set : sets) set.inheritable = set.permitted;
  r = sys::call(__NR_capset, sys::arg(&header), sys::arg(sets));
  if (r < 0) give_up(child, "capset", r);
  for (unsigned cap = 0; cap < 64; cap++) {
    if ((sets[cap / 32].permitted >> cap % 32 & 1) == 0) continue;
    r = sys::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap);
    if (r < 0) give_up(child, "prctl", r);
  }
}

}  // namespace

// Runs on a copy of the runtime's descriptors. It must not return. The assembler below calls it by this name.
extern "C" __attribute__((noreturn, used)) void tsubo_child(Child* child) {
  if (clone_args* again = child->again; again != nullptr) {
    child->again = nullptr;
    if (long r = clone_on_stack(again, child); r < 0) give_up(child, "clone3", r);
    sys::exit(0);
  }
  if (child->keep_capabilities) keep_capabilities(child);
  for (int fd = 0; fd < 3; fd++) {
    if (child->standard[fd] < 0) continue;
    long r = sys::call(__NR_dup3, child->standard[fd], fd, 0);
    if (r < 0) give_up(child, "dup3", r);
  }
  for (uint32_t fd = 0; fd < child->own_fds; fd++) {
    // EBADF: the caller has closed it.
    long r = sys::fcntl(static_cast<int>(fd), F_SETFD, 0);
    if (r < 0 && r != -EBADF) give_up(child, "fcntl", r);
  }
  for (size_t i = 0; i < child->keep_count; i++) {
    if (long r = sys::fcntl(child->keep[i], F_SETFD, 0); r < 0) give_up(child, "fcntl", r);
  }
  // Every signal stays blocked until the exec: a handler of the runtime must not run here.
  long r =
      sys::call(__NR_execveat, child->image, sys::arg(""), sys::arg(child->argv), sys::arg(child->envp), AT_EMPTY_PATH);
  give_up(child, "execveat", r);
}

long clone_on_stack(clone_args* args, Child* child) {
#if defined(__x86_64__)
  long result;
  register long size asm("rsi") = sizeof *args;
  register Child* context asm("r12") = child;
  asm volatile(
      "syscall\n"
      "test %%rax, %%rax\n"
      "jnz 1f\n"
      "xor %%ebp, %%ebp\n"
      "mov %%r12, %%rdi\n"
      "call tsubo_child\n"
      "hlt\n"
      "1:\n"
      : "=a"(result)
      : "a"(__NR_clone3), "D"(args), "r"(size), "r"(context)
      : "rcx", "r11", "memory");
  return result;
#else
  register long x8 asm("x8") = __NR_clone3;
  register long x0 asm("x0") = reinterpret_cast<long>(args);
  register long x1 asm("x1") = sizeof *args;
  register Child* context asm("x20") = child;
  asm volatile(
      "svc 0\n"
      "cbnz x0, 1f\n"
      "mov x29, #0\n"
      "mov x0, x20\n"
      "bl tsubo_child\n"
      "brk #1\n"
      "1:\n"
      : "+r"(x0)
      : "r"(x8), "r"(x1), "r"(context)
      : "memory", "cc", "x30");
  return x0;
#endif
}

}  // namespace tsubo
