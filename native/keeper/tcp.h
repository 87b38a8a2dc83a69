// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "keeper/loop.h"

namespace tsubo::keeper {

// The connections that arrived at a listening socket of the host, each with the connection to the container.
class Connections {
 public:
  // Allows `most` connections at a time. False: there is no memory.
  bool open(int epoll, uint32_t most);
  // Accepts the connections that wait at the listener. False: it can accept no more until a connection has ended.
  bool accept(const Listener& listener);
  // Passes on what either side of connection `index` has sent. True: the connection has ended.
  bool pass(uint32_t index, Kind side, uint32_t events);

 private:
  struct Connection {
    int fd[2];       // client, target
    bool ended[2];   // end of file from this side was forwarded
    bool connected;  // to the container
    bool used;
    uint32_t next;  // of the unused ones
  };
  enum class Passed { all, some, broken };

  Passed pass_on(Connection& c, int from);
  void close(uint32_t index, bool reset);

  int epoll_ = -1;
  uint32_t most_ = 0, fresh_ = 0, unused_ = 0;
  Connection* all_ = nullptr;
};

}  // namespace tsubo::keeper
