// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "keeper/loop.h"

namespace tsubo::keeper {

// nftables batches, made by the runtime, and the news of tables that were deleted.
class Rules {
 public:
  // Joins the news. Only needed if there is something to restore.
  long open();
  int fd() const { return fd_; }
  // Reads all news. True: a table was deleted, or news were lost.
  bool deleted();
  // Sends `count` batches, each with its length in front, and reads the kernel's answers. Returns the place after them.
  static const unsigned char* send(const unsigned char* at, uint32_t count);

 private:
  int fd_ = -1;
};

}  // namespace tsubo::keeper
