// SPDX-License-Identifier: Apache-2.0
//
// From the kernel to main, and what the compiler takes for granted: README.md beside this file.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/syscall.h"

using namespace tsubo;

extern "C" {

char** environ;
void* __dso_handle;

int main(int argc, char** argv);

typedef void Initializer();
extern Initializer* __init_array_start[] __attribute__((visibility("hidden")));
extern Initializer* __init_array_end[] __attribute__((visibility("hidden")));

[[noreturn]] void _exit(int status) { sys::exit(status); }

[[noreturn]] void abort() noexcept {
  sys::call(__NR_kill, sys::call(__NR_getpid), SIGABRT);
  // ignored, or we are the first process of a pid namespace
  sys::exit(134);
}

int* __errno_location() noexcept {
  static int error;
  return &error;
}

// The process ends without taking anything apart.
int __cxa_atexit(void (*)(void*), void*, void*) { return 0; }

// One thread: a static has been made or not.
int __cxa_guard_acquire(char* made) { return *made == 0; }
void __cxa_guard_release(char* made) { *made = 1; }

[[noreturn, gnu::used]] void tsubo_begin(long* stack) {
  auto argc = static_cast<int>(stack[0]);
  auto** argv = reinterpret_cast<char**>(stack + 1);
  environ = argv + argc + 1;
  for (Initializer** make = __init_array_start; make != __init_array_end; make++) (*make)();
  sys::exit(main(argc, argv));
}

}  // extern "C"

#if defined(__x86_64__)
asm(".globl _start\n_start:\n  xor %ebp, %ebp\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call tsubo_begin\n  hlt\n");
#elif defined(__aarch64__)
asm(".globl _start\n_start:\n  mov x29, #0\n  mov x30, #0\n  mov x0, sp\n  and sp, x0, #-16\n  bl tsubo_begin\n  brk "
    "#1\n");
#endif
