// SPDX-License-Identifier: Apache-2.0
//
// The keeper of a container's streams, log and exit status: its input, and its messages on the socket `attach`.
#pragma once

#include <stdint.h>

#include "keeper/request.h"

namespace tsubo::keeper {

// The input is a file whose descriptor number is the program's argument: a ContainerRequest, then its texts.

inline constexpr uint32_t kContainerRequestMagic = 0x6b657074;  // "kept"

// kEndsIfMarked: the command after the end runs only if the container's directory then has the file `restart`.
enum : uint32_t { kTerminal = 1, kOpenInput = 2, kEndsIfMarked = 4 };

struct ContainerRequest {
  uint32_t magic;
  int32_t status;     // pipe to the runtime: the keeper writes one CreateStatus, then the create's text, and closes it
  int32_t directory;  // of the container
  uint32_t flags;
  uint64_t log_bytes;  // size at which the log is rotated; 0: never
  uint32_t log_files;  // with the current one
  // Numbers of the texts, each ended by a NUL: the command that creates the container, its environment, the command to
  // run after the container's end, and the one that checks its health.
  uint32_t words;
  uint32_t environment;
  uint32_t end_words;
  uint32_t check_words;  // of the command that checks the health; 0: none
  uint32_t bytes;        // of all texts
  // Milliseconds until the first health check, and between two checks. After exit status 1 (the container is still
  // starting) check_start_interval replaces check_interval.
  uint32_t check_first;
  uint32_t check_interval;
  uint32_t check_start_interval;
};
static_assert(sizeof(ContainerRequest) == 64);

struct CreateStatus {
  Status keeper;
  int32_t init;    // pid of the container's init, or 0
  int32_t status;  // exit status of the create, or 128 plus the number of its signal
};
static_assert(sizeof(CreateStatus) == 40);

// The socket `attach` is a SOCK_SEQPACKET; the first byte of each packet is its kind.

enum Packet : uint8_t {
  // From the client.
  kSubscribe = 'a',   // then one byte of SubscribeFlag; the keeper answers with kHello
  kInput = 'i',       // then at most kMostInput bytes
  kCloseInput = 'c',  // end of file on the program's standard input
  kSize = 'r',        // then a WindowSize
  // From the keeper.
  kHello = 'h',   // then a Hello
  kOutput = 'o',  // then bytes of standard output, or of the terminal
  kError = 'e',   // then bytes of standard error
  kExit = 'x',    // then an Exit: exit.json is on the disk
};

// kWantsOutput: the client reads the streams. kRemoves: the client removes the container after its end.
enum SubscribeFlag : uint8_t { kWantsOutput = 1, kRemoves = 2 };

inline constexpr uint32_t kMostInput = 4096;
inline constexpr uint32_t kMostOutput = 32 << 10;

struct WindowSize {
  uint16_t rows, columns;
};

struct Hello {
  uint32_t flags;  // of the ContainerRequest
  int32_t init;
};

struct Exit {
  int32_t pid;
  int32_t status;  // 128 plus the number of the signal that ended the program
  int32_t signal;  // or 0
  uint32_t oom_killed;
};

}  // namespace tsubo::keeper
