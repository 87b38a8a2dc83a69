// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "keeper/loop.h"

namespace tsubo::keeper {

// The datagrams that arrived at a bound socket of the host. Each client has its own socket to the container, because an
// answer must return to the client that sent the datagram.
class Flows {
 public:
  // Allows `most` flows at a time; the next one replaces the flow that was silent for longest.
  bool open(int epoll, uint32_t most);
  // Requests the destination address of each datagram from the kernel, because it must be the source of the answer.
  static long prepare(const Listener& listener);
  // Passes on the datagrams that wait at the listener.
  void take(const Listener& listener, uint64_t now);
  // Passes on the answers that wait at flow `index`.
  void answer(uint32_t index, uint64_t now);
  // Ends the silent flows. Returns the milliseconds until the next flow ends, or -1.
  int expire(uint64_t now);

 private:
  struct Flow {
    int fd;  // connected to the container; valid if `used`
    int listener;
    bool used;
    Address client;
    unsigned char local[16];  // the address that the client sent to
    uint64_t last;            // milliseconds
  };

  Flow* find(const Listener& listener, const Address& client, const unsigned char* local, uint64_t now);
  void close(Flow& flow);

  int epoll_ = -1;
  uint32_t most_ = 0, end_ = 0;
  Flow* all_ = nullptr;
};

}  // namespace tsubo::keeper
