// SPDX-License-Identifier: Apache-2.0
//
// The entry point of the init and the keeper in the build with sanitizers, in place of native/init/entry.cc: the C
// library calls it after the sanitizers have prepared their memory.
extern "C" [[noreturn, gnu::no_stack_protector]] void tsubo_main(long* stack);

// The kernel puts the number of arguments directly before them.
[[gnu::no_stack_protector]] int main(int, char** argv) { tsubo_main(reinterpret_cast<long*>(argv) - 1); }
