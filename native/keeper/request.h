// SPDX-License-Identifier: Apache-2.0
//
// The input of the keeper, a file whose descriptor number is its argument: a Request, its listeners, its batches, each
// with its length in front, and the strings of a program, each with a NUL at its end.
#pragma once

#include <stdint.h>

namespace tsubo::keeper {

inline constexpr uint32_t kMagic = 0x6b656570;  // "keep"
inline constexpr uint32_t kMostListeners = 65'536;
inline constexpr uint32_t kMostBytes = 16 << 20;

struct Listener {
  int32_t fd;           // listens (TCP) or is bound (UDP)
  uint16_t datagram;    // 1 for UDP
  uint16_t port;        // of the target, in host byte order
  uint8_t address[16];  // of the target; IPv4 as ::ffff:a.b.c.d
};
static_assert(sizeof(Listener) == 24);

struct Request {
  uint32_t magic;
  int32_t init;    // pidfd of the container's init
  int32_t status;  // pipe to the runtime: the keeper writes one Status and closes it
  uint32_t listeners;
  uint32_t restore;  // number of batches to send again after the nftables table was deleted
  uint32_t end;      // number of batches to send after the init has exited; they follow those of `restore`
  uint32_t bytes;    // of all batches with their lengths, and of all strings
  int32_t output;    // standard output and standard error of the program, or -1
  int32_t removed;   // file that gets one byte after the batches of `end` were sent, or -1
  uint32_t strings;  // 0: no program. Otherwise the file to which it writes its pid, and its arguments
};
static_assert(sizeof(Request) == 40);

struct Status {
  int32_t pid;    // of the keeper, or 0
  int32_t error;  // positive errno of the call that failed
  char syscall[20];
  int32_t ended = 0;  // wait status of the program that failed
};
static_assert(sizeof(Status) == 32);

}  // namespace tsubo::keeper
