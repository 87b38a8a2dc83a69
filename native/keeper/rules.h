// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "keeper/loop.h"

namespace tsubo::keeper {

// nftables batches, made by the runtime, and the events of deleted tables.
class Rules {
 public:
  // Subscribes to the events. Only needed if there is something to restore.
  long open();
  int fd() const { return fd_; }
  // Reads all events. True: a table was deleted, or events were lost.
  bool deleted();
  // Sends `count` batches, each with its length in front, and reads the kernel's answers. `stays_open`: the socket is
  // closed by the exit, because its close may wait for the kernel.
  static void send(const unsigned char* at, uint32_t count, bool stays_open = false);

 private:
  int fd_ = -1;
};

}  // namespace tsubo::keeper
