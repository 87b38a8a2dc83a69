// SPDX-License-Identifier: Apache-2.0
#include "keeper/clients.h"

#include <linux/errno.h>

namespace tsubo::keeper {

namespace {

// The bytes before each packet in the store, which contain its size.
constexpr size_t kLength = sizeof(uint32_t);
// After the last packet of a stream there is still room for the end.
constexpr size_t kRoomForEnd = 64;

unsigned char incoming[1 + kMostInput];

}  // namespace

void Watched::want(uint32_t events) {
  if (events == events_ || fd_ < 0) return;
  const int operation = events == 0 ? EPOLL_CTL_DEL : events_ == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  // Without memory the descriptor would stay unwatched: the next call tries again.
  if (watch(epoll_, operation, fd_, events, data_) == 0) events_ = events;
}

void Watched::close() {
  if (fd_ >= 0) sys::close(fd_);
  fd_ = -1;
  events_ = 0;
}

long Clients::open(int epoll, const Hello& hello) {
  epoll_ = epoll;
  hello_ = hello;
  store_ = table<unsigned char>(kStoreBytes);
  return store_ == nullptr ? -ENOMEM : 0;
}

void Clients::accept(int listener) {
  while (true) {
    long fd = sys::call(__NR_accept4, listener, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    Client* free = nullptr;
    for (Client& client : all_) {
      if (!client.socket.open()) free = &client;
    }
    // The client reads end of file instead of an answer.
    if (free == nullptr) {
      sys::close(static_cast<int>(fd));
      continue;
    }
    *free = {};
    free->socket.use(epoll_, static_cast<int>(fd), tag(Source::client, static_cast<uint32_t>(free - all_)));
    free->at = end_;
    set_wanted_events(*free);
  }
}

void Clients::set_wanted_events(Client& client) {
  const uint32_t input = held_ && client.subscribed ? 0 : EPOLLIN;
  client.socket.want(input | (client.at < end_ ? EPOLLOUT : 0));
}

void Clients::hold_input(bool held) {
  held_ = held;
  for (Client& client : all_) set_wanted_events(client);
}

Received Clients::receive(uint32_t index) {
  Client& client = all_[index];
  if (!client.socket.open()) return {0, nullptr, 0};
  const int fd = client.socket.fd();
  long n = sys::call(__NR_recvfrom, fd, sys::arg(incoming), sizeof incoming, MSG_DONTWAIT, 0, 0);
  if (n == -EAGAIN) return {0, nullptr, 0};
  if (n <= 0) {
    drop(client);
    return {0, nullptr, 0};
  }
  if (incoming[0] != kSubscribe || n != 2) return {incoming[0], incoming + 1, static_cast<size_t>(n - 1)};
  client.subscribed = true;
  client.flags = incoming[1];
  client.at = end_;
  unsigned char answer[1 + sizeof hello_] = {kHello};
  __builtin_memcpy(answer + 1, &hello_, sizeof hello_);
  // The buffer of the socket is empty: the call fails only if the client has exited, and its end of file follows.
  sys::unchecked(sys::call(__NR_sendto, fd, sys::arg(answer), sizeof answer, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0));
  return {0, nullptr, 0};
}

unsigned char* Clients::place(size_t size) {
  if (end_ + kLength + 1 + size + kRoomForEnd > kStoreBytes) return nullptr;
  return store_ + end_ + kLength + 1;
}

void Clients::commit(uint8_t kind, size_t size) {
  const auto length = static_cast<uint32_t>(1 + size);
  __builtin_memcpy(store_ + end_, &length, kLength);
  store_[end_ + kLength] = kind;
  end_ += static_cast<uint32_t>(kLength + length);
  for (Client& client : all_) send_rest(client);
  empty_when_received();
}

void Clients::flush(uint32_t index) {
  send_rest(all_[index]);
  empty_when_received();
}

void Clients::send_rest(Client& client) {
  if (!client.socket.open()) return;
  while (client.at < end_) {
    uint32_t length;
    __builtin_memcpy(&length, store_ + client.at, kLength);
    const unsigned char* packet = store_ + client.at + kLength;
    const bool wanted = packet[0] == kExit || (client.flags & kWantsOutput) != 0;
    if (wanted) {
      long n = sys::call(__NR_sendto, client.socket.fd(), sys::arg(packet), length, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
      if (n == -EAGAIN || n == -ENOBUFS || n == -ENOMEM) break;
      if (n < 0) return drop(client);
    }
    client.at += static_cast<uint32_t>(kLength + length);
  }
  set_wanted_events(client);
}

// Empties the store when the last client has received everything.
void Clients::empty_when_received() {
  for (Client& client : all_) {
    if (client.socket.open() && client.at < end_) return;
  }
  end_ = 0;
  for (Client& client : all_) client.at = 0;
}

void Clients::drop(Client& client) {
  client.socket.close();
  empty_when_received();
}

bool Clients::any() const {
  for (const Client& client : all_) {
    if (client.socket.open()) return true;
  }
  return false;
}

bool Clients::removing() const {
  for (const Client& client : all_) {
    if (client.socket.open() && (client.flags & kRemoves) != 0) return true;
  }
  return false;
}

void Clients::finish(const Exit& end) {
  held_ = false;
  __builtin_memcpy(store_ + end_ + kLength + 1, &end, sizeof end);
  commit(kExit, sizeof end);
}

}  // namespace tsubo::keeper
