// SPDX-License-Identifier: Apache-2.0
//
// SHA-256 (FIPS 180-4), with the instructions of the processor where it has them.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <string>

namespace tsubo::unpack {

class Sha256 {
 public:
  // `portable` is for tests, and for processors without the instructions.
  enum class Use { fastest, portable };
  explicit Sha256(Use use = Use::fastest);

  void update(const uint8_t* data, size_t size);
  // The digest in hexadecimal digits. Nothing may follow it.
  std::string hex();

 private:
  void add(const uint8_t* data, size_t blocks);

  bool fast_;
  uint32_t state_[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint64_t size_ = 0;
  uint8_t block_[64] = {};
};

}  // namespace tsubo::unpack
