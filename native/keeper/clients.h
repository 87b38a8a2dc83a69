// SPDX-License-Identifier: Apache-2.0
//
// The clients of a container's socket `attach`. They share one store of packets, which is empty while every client has
// received everything: a client that does not read stops the program's output, as a full pipe would.
#pragma once

#include "core/text.h"
#include "keeper/container_request.h"
#include "keeper/loop.h"

namespace tsubo::keeper {

// The kinds of descriptors in the epoll set of container.cc. The lower half of an event's data is an index.
enum class Source : uint32_t { init, creator, console, children, output, error, input, attach_listener, client };

inline constexpr uint64_t tag(Source source, uint32_t index) { return static_cast<uint64_t>(source) << 32 | index; }

// A descriptor in an epoll set. It is in the set only while an event is wanted, because epoll always reports a hangup.
class Watched {
 public:
  void use(int epoll, int fd, uint64_t data) { epoll_ = epoll, fd_ = fd, data_ = data, events_ = 0; }
  void want(uint32_t events);
  int fd() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  void close();

 private:
  int epoll_ = -1, fd_ = -1;
  uint32_t events_ = 0;
  uint64_t data_ = 0;
};

// A packet of a client.
struct Received {
  uint8_t kind;  // a Packet, or 0: there is none
  unsigned char* data;
  size_t size;
};

class Clients {
 public:
  static constexpr uint32_t kMost = 32;
  // Room for the contents of the pipes at the end of the program, while a client does not read.
  static constexpr size_t kStoreBytes = 4 << 20;

  [[nodiscard]] long open(int epoll, const Hello& hello);
  void set_init(int init) { hello_.init = init; }
  void accept(int listener);
  // Receives one packet of a client. Answers kSubscribe itself.
  Received receive(uint32_t index);
  // Sends the packets that this client has not received.
  void flush(uint32_t index);
  // While `held` is true, packets of subscribed clients are not received.
  void hold_input(bool held);

  // Returns memory for the next packet of a stream, or null if there is no room. `commit` sends it to the clients.
  unsigned char* place(size_t size);
  void commit(uint8_t kind, size_t size);
  // True if each client has received everything.
  bool idle() const { return end_ == 0; }
  bool any() const;
  // True while a client that removes the container is connected.
  bool removing() const;
  // Sends the end: the last packet.
  void finish(const Exit& end);

 private:
  struct Client {
    Watched socket;
    uint32_t at = 0;
    uint8_t flags = 0;
    bool subscribed = false;
  };
  void send_rest(Client& client);
  void drop(Client& client);
  void empty_when_received();
  void set_wanted_events(Client& client);

  int epoll_ = -1;
  unsigned char* store_ = nullptr;
  uint32_t end_ = 0;
  bool held_ = false;
  Hello hello_ = {};
  Client all_[kMost];
};

}  // namespace tsubo::keeper
