// SPDX-License-Identifier: Apache-2.0
//
// Takes values from the input of a fuzzer.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace tsubo::fuzz {

class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  size_t left() const { return size_; }
  const uint8_t* data() const { return data_; }
  uint8_t byte() {
    if (size_ == 0) return 0;
    size_--;
    return *data_++;
  }
  // Copies up to `size` bytes and returns their number.
  size_t copy(void* to, size_t size) {
    const size_t n = size < size_ ? size : size_;
    memcpy(to, data_, n);
    data_ += n;
    size_ -= n;
    return n;
  }

 private:
  const uint8_t* data_;
  size_t size_;
};

}  // namespace tsubo::fuzz
