// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/eventpoll.h>
#include <linux/mman.h>
#include <linux/time.h>
#include <stdint.h>

#include "core/kernel.h"
#include "core/syscall.h"
#include "keeper/request.h"

namespace tsubo::keeper {

// The kinds of descriptors in the epoll set of main.cc. The lower half of an event's data is the index in the table of
// its kind.
enum class Kind : uint32_t { init, rules, tcp_listener, udp_listener, client, target, flow };

inline constexpr uint64_t tag(Kind kind, uint32_t index) { return static_cast<uint64_t>(kind) << 32 | index; }

// One buffer for the data of all connections, flows and streams. It contains no data that is still needed when the next
// event is handled.
inline constexpr size_t kBufferBytes = 64 << 10;
extern unsigned char buffer[kBufferBytes];

struct Address {
  unsigned char bytes[28];  // sockaddr_in or sockaddr_in6
  uint32_t size;
  int family() const { return bytes[0] | bytes[1] << 8; }
};

Address target_of(const Listener& listener);

[[nodiscard]] inline long watch(int epoll, int operation, int fd, uint32_t events, uint64_t data) {
  epoll_event event = {events, data};
  return sys::call(__NR_epoll_ctl, epoll, operation, fd, sys::arg(&event));
}

// Milliseconds of the monotonic clock.
inline uint64_t now_ms() {
  __kernel_timespec t = {};
  // This cannot fail: the clock exists on every kernel.
  sys::unchecked(sys::call(__NR_clock_gettime, CLOCK_MONOTONIC, sys::arg(&t)));
  return static_cast<uint64_t>(t.tv_sec) * 1000 + static_cast<uint64_t>(t.tv_nsec) / 1'000'000;
}

// A table of `count` zero entries. An entry takes memory after its first use. Null if there is no memory.
template <typename Entry>
Entry* table(uint32_t count) {
  long at = sys::call(__NR_mmap, 0, static_cast<long>(count * sizeof(Entry)), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return at < 0 && at > -4096 ? nullptr : reinterpret_cast<Entry*>(at);
}

}  // namespace tsubo::keeper
