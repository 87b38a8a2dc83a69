// SPDX-License-Identifier: Apache-2.0
//
// sendmsg(2) and recvmsg(2) with descriptors: the kernel's struct iovec, msghdr and cmsghdr. The headers that define
// them belong to a C library.
#pragma once

#include <stddef.h>

namespace tsubo::message {

struct Piece {
  const void* data;
  size_t bytes;
};

struct Header {
  void* name;
  int name_bytes;
  Piece* pieces;
  size_t count;
  void* control;
  size_t control_bytes;
  unsigned flags;
};

template <size_t count>
struct Descriptors {
  size_t bytes;
  int level;
  int type;
  int fds[count];
};
using OneDescriptor = Descriptors<2>;  // and padding

// `bytes` of the control data of one descriptor.
inline constexpr size_t kOneDescriptorBytes = offsetof(OneDescriptor, fds) + sizeof(int);

}  // namespace tsubo::message
