// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "keeper/loop.h"

namespace tsubo::keeper {

// The datagrams that arrived at a bound socket of the host. Each client has a socket of its own to the container, so
// that answers find their way back.
class Flows {
 public:
  // At most `most` at a time: the one that was silent for longest gives way.
  bool open(int epoll, uint32_t most);
  // Asks for the address that a datagram was sent to: the answer has to come from it.
  static long prepare(const Listener& listener);
  // Passes on the datagrams that wait at the listener.
  void take(const Listener& listener, uint64_t now);
  // Passes on the answers that wait at flow `index`.
  void answer(uint32_t index, uint64_t now);
  // Ends the flows that are silent. Returns the milliseconds until it has to be called again, or -1.
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
