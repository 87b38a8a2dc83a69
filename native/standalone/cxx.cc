// SPDX-License-Identifier: Apache-2.0
//
// The parts of the C++ library that the C++ code needs besides templates. The machine's libstdc++ is built for another
// C library and uses exceptions, which this code never throws.
#include <stdlib.h>

#include <new>

namespace {
std::new_handler out_of_memory = nullptr;
}

std::new_handler std::set_new_handler(std::new_handler handler) noexcept {
  std::new_handler before = out_of_memory;
  out_of_memory = handler;
  return before;
}

void* operator new(size_t bytes) {
  while (true) {
    void* p = malloc(bytes);
    if (p != nullptr) return p;
    if (out_of_memory == nullptr) abort();
    out_of_memory();
  }
}
void* operator new[](size_t bytes) { return operator new(bytes); }
void operator delete(void* p) noexcept { free(p); }
void operator delete[](void* p) noexcept { free(p); }
void operator delete(void* p, size_t) noexcept { free(p); }
void operator delete[](void* p, size_t) noexcept { free(p); }

// The containers of the C++ library call these instead of throwing.
namespace std {
[[noreturn]] void __throw_bad_alloc() { abort(); }
[[noreturn]] void __throw_bad_array_new_length() { abort(); }
[[noreturn]] void __throw_length_error(const char*) { abort(); }
[[noreturn]] void __throw_logic_error(const char*) { abort(); }
[[noreturn]] void __throw_out_of_range(const char*) { abort(); }
[[noreturn]] void __throw_out_of_range_fmt(const char*, ...) { abort(); }
[[noreturn]] void __throw_invalid_argument(const char*) { abort(); }
}  // namespace std

extern "C" {

void* __dso_handle;

// The process has one thread, therefore a static variable is either initialised or not.
int __cxa_guard_acquire(char* made) { return *made == 0; }
void __cxa_guard_release(char* made) { *made = 1; }

}  // extern "C"
