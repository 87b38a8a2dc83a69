// SPDX-License-Identifier: Apache-2.0
//
// Options of the sanitizers, compiled in because engines and tests call the runtime with an empty environment, and the
// init never has one.
extern "C" {

// A status that no test expects. Memory is not freed at the end, therefore leaks are not searched. The container's root
// has no program that could print symbols.
const char* __asan_default_options() {
  return "exitcode=99:detect_leaks=0:detect_stack_use_after_return=1:symbolize=1";
}
const char* __ubsan_default_options() { return "exitcode=99:print_stacktrace=1"; }

}  // extern "C"
