// SPDX-License-Identifier: Apache-2.0
//
// The entry of a program without a C library. It calls tsubo_main with the initial stack. A build with sanitizers has a
// C library and replaces this file (test/native/sanitized-entry.cc).
extern "C" [[noreturn, gnu::no_stack_protector]] void tsubo_main(long* stack);

#if defined(__x86_64__)
asm(".globl _start\n_start:\n  xor %ebp, %ebp\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call tsubo_main\n  hlt\n");
#elif defined(__aarch64__)
asm(".globl _start\n_start:\n  mov x29, #0\n  mov x30, #0\n  mov x0, sp\n  and sp, x0, #-16\n  bl tsubo_main\n  brk "
    "#1\n");
#endif
