// SPDX-License-Identifier: Apache-2.0
//
// Owns a descriptor. It is used by the runtime and by the init: it needs no C library and does not change errno.
#pragma once

#include "core/syscall.h"

namespace tsubo {

class UniqueFd {
 public:
  UniqueFd() = default;
  // Takes the result of a call that opens a file. A negative result means no descriptor.
  explicit UniqueFd(long fd) : fd_(fd < 0 ? -1 : static_cast<int>(fd)) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }
  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  void reset(long fd = -1) {
    if (fd_ >= 0) sys::close(fd_);
    fd_ = fd < 0 ? -1 : static_cast<int>(fd);
  }
  int release() {
    int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace tsubo
