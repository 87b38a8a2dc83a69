// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>

namespace tsubo::binding {

// Bytes that are not zeroed. It replaces std::unique_ptr, because <memory> includes the streams of the C++ library, and
// their headers do not compile with musl's.
class Buffer {
 public:
  explicit Buffer(size_t bytes) : at_(new char[bytes]) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { delete[] at_; }

  char* get() const { return at_; }

 private:
  char* at_;
};

}  // namespace tsubo::binding
