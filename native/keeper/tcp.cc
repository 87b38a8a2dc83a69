// SPDX-License-Identifier: Apache-2.0
#include "keeper/tcp.h"

#include <asm/socket.h>
#include <linux/errno.h>

namespace tsubo::keeper {

namespace {

// A side that always has data must not delay the others.
constexpr int kMostTurns = 16;
// Index 0 marks the end of the list of unused entries.
constexpr uint32_t kNone = 0;

constexpr uint32_t kBothWays = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

}  // namespace

bool Connections::open(int epoll, uint32_t most) {
  epoll_ = epoll;
  most_ = most;
  fresh_ = 1;
  all_ = table<Connection>(most + 1);
  return all_ != nullptr;
}

bool Connections::accept(const Listener& listener) {
  const Address to = target_of(listener);
  while (true) {
    uint32_t index = unused_ != kNone ? unused_ : fresh_ <= most_ ? fresh_ : kNone;
    if (index == kNone) return false;
    long client = sys::call(__NR_accept4, listener.fd, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client == -EMFILE || client == -ENFILE || client == -ENOBUFS || client == -ENOMEM) return false;
    // EAGAIN: no connection waits. All other errors are of a connection that no longer exists (accept(2)).
    if (client == -EAGAIN) return true;
    if (client < 0) continue;
    Connection& c = all_[index];
    const uint32_t next = c.next;
    const bool was_fresh = index == fresh_;
    c = {{static_cast<int>(client), -1}, {false, false}, false, true, kNone};
    long target = sys::call(__NR_socket, to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    c.fd[1] = target < 0 ? -1 : static_cast<int>(target);
    long r = target;
    if (r >= 0) r = sys::call(__NR_connect, target, sys::arg(to.bytes), to.size);
    if (r == -EINPROGRESS) r = 0;
    if (r >= 0) r = watch(epoll_, EPOLL_CTL_ADD, c.fd[1], kBothWays, tag(Kind::target, index));
    if (r >= 0) r = watch(epoll_, EPOLL_CTL_ADD, c.fd[0], kBothWays, tag(Kind::client, index));
    if (was_fresh) {
      fresh_++;
    } else {
      unused_ = next;
    }
    if (r < 0) close(index, true);
  }
}

Connections::Passed Connections::pass_on(Connection& c, int from) {
  const int to = 1 - from;
  for (int turn = 0; turn < kMostTurns; turn++) {
    if (c.ended[from]) return Passed::all;
    // Remove only the bytes that the other side has accepted: no data is kept between two events.
    long n = sys::call(__NR_recvfrom, c.fd[from], sys::arg(buffer), kBufferBytes, MSG_PEEK | MSG_DONTWAIT, 0, 0);
    if (n == -EAGAIN || n == -EINTR) return Passed::all;
    if (n < 0) return Passed::broken;
    if (n == 0) {
      // Before the connection is established, shutdown(2) would abort it. Its event follows.
      if (!c.connected) return Passed::all;
      c.ended[from] = true;
      return sys::call(__NR_shutdown, c.fd[to], SHUT_WR) < 0 ? Passed::broken : Passed::all;
    }
    long taken = sys::call(__NR_sendto, c.fd[to], sys::arg(buffer), n, MSG_NOSIGNAL | MSG_DONTWAIT, 0, 0);
    if (taken == -EAGAIN || taken == -EINTR || taken == -ENOTCONN) return Passed::all;
    if (taken < 0) return Passed::broken;
    // A TCP socket drops these bytes instead of copying them.
    n = sys::call(__NR_recvfrom, c.fd[from], 0, taken, MSG_TRUNC | MSG_DONTWAIT, 0, 0);
    if (n != taken) return Passed::broken;
  }
  return Passed::some;
}

bool Connections::pass(uint32_t index, Kind side, uint32_t events) {
  Connection& c = all_[index];
  // An event that was fetched together with the one that ended the connection.
  if (!c.used) return false;
  int failure = 0;
  if ((events & EPOLLERR) != 0) {
    int size = sizeof failure;
    sys::unchecked(sys::call(__NR_getsockopt, c.fd[side == Kind::client ? 0 : 1], SOL_SOCKET, SO_ERROR,
                             sys::arg(&failure), sys::arg(&size)));
  }
  if (side == Kind::target && failure == 0 && (events & EPOLLOUT) != 0) c.connected = true;
  const Passed there = failure == 0 ? pass_on(c, 0) : Passed::broken;
  const Passed back = there != Passed::broken ? pass_on(c, 1) : Passed::broken;
  if (back == Passed::broken) {
    close(index, true);
    return true;
  }
  if (c.ended[0] && c.ended[1]) {
    close(index, false);
    return true;
  }
  // Edge-triggered: the kernel reports a side again only after something new, or after this call.
  if (there == Passed::some && watch(epoll_, EPOLL_CTL_MOD, c.fd[0], kBothWays, tag(Kind::client, index)) < 0) {
    close(index, true);
    return true;
  }
  if (back == Passed::some && watch(epoll_, EPOLL_CTL_MOD, c.fd[1], kBothWays, tag(Kind::target, index)) < 0) {
    close(index, true);
    return true;
  }
  return false;
}

void Connections::close(uint32_t index, bool reset) {
  Connection& c = all_[index];
  struct {
    int on, seconds;
  } linger = {1, 0};
  for (int fd : c.fd) {
    if (fd < 0) continue;
    // A reset shows the peer that the data is incomplete.
    if (reset) {
      sys::unchecked(sys::call(__NR_setsockopt, fd, SOL_SOCKET, SO_LINGER, sys::arg(&linger), sizeof linger));
    }
    sys::close(fd);
  }
  c = {{-1, -1}, {false, false}, false, false, unused_};
  unused_ = index;
}

}  // namespace tsubo::keeper
