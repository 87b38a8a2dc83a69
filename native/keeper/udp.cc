// SPDX-License-Identifier: Apache-2.0
#include "keeper/udp.h"

#include <asm/socket.h>
#include <linux/errno.h>
#include <linux/in.h>
#include <linux/in6.h>

#include "core/message.h"

namespace tsubo::keeper {

namespace {

// Equal to the kernel's timeout of a flow that both sides have used (nf_conntrack_udp_timeout_stream).
constexpr uint64_t kSilentMs = 120'000;
constexpr int kMostTurns = 64;

// Control data with the address of one datagram: in_pktinfo of 12 bytes or in6_pktinfo of 20.
struct Info {
  size_t bytes;
  int level;
  int type;
  unsigned char data[24];
};
constexpr size_t kHead = offsetof(Info, data);

bool same(const unsigned char* a, const unsigned char* b, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

}  // namespace

bool Flows::open(int epoll, uint32_t most) {
  epoll_ = epoll;
  most_ = most;
  all_ = table<Flow>(most);
  return all_ != nullptr;
}

long Flows::prepare(const Listener& listener) {
  int on = 1, family = 0, size = sizeof family;
  long r = sys::call(__NR_getsockopt, listener.fd, SOL_SOCKET, SO_DOMAIN, sys::arg(&family), sys::arg(&size));
  if (r < 0) return r;
  return family == AF_INET6
             ? sys::call(__NR_setsockopt, listener.fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, sys::arg(&on), sizeof on)
             : sys::call(__NR_setsockopt, listener.fd, IPPROTO_IP, IP_PKTINFO, sys::arg(&on), sizeof on);
}

void Flows::take(const Listener& listener, uint64_t now) {
  for (int turn = 0; turn < kMostTurns; turn++) {
    Address client = {};
    Info info = {};
    message::Piece piece = {buffer, kBufferBytes};
    message::Header header = {client.bytes, sizeof client.bytes, &piece, 1, &info, sizeof info, 0};
    long n = sys::call(__NR_recvmsg, listener.fd, sys::arg(&header), MSG_DONTWAIT);
    // EAGAIN: no datagram waits. Other errors are of an earlier datagram; the next one has its own event.
    if (n < 0) return;
    client.size = static_cast<uint32_t>(header.name_bytes);
    unsigned char local[16] = {};
    if (info.level == IPPROTO_IPV6 && info.type == IPV6_PKTINFO) {
      __builtin_memcpy(local, info.data, 16);
    } else if (info.level == IPPROTO_IP && info.type == IP_PKTINFO) {
      // ipi_addr, behind the interface and the local address
      __builtin_memcpy(local, info.data + 8, 4);
    }
    Flow* flow = find(listener, client, local, now);
    if (flow == nullptr) continue;
    // UDP may lose a datagram: if the container's socket is full, the client has to repeat it, as without a proxy.
    sys::unchecked(sys::call(__NR_sendto, flow->fd, sys::arg(buffer), n, MSG_NOSIGNAL | MSG_DONTWAIT, 0, 0));
  }
}

Flows::Flow* Flows::find(const Listener& listener, const Address& client, const unsigned char* local, uint64_t now) {
  Flow* unused = nullptr;
  Flow* oldest = nullptr;
  for (uint32_t i = 0; i < end_; i++) {
    Flow& flow = all_[i];
    if (!flow.used) {
      if (unused == nullptr) unused = &flow;
      continue;
    }
    if (flow.listener == listener.fd && flow.client.size == client.size &&
        same(flow.client.bytes, client.bytes, client.size) && same(flow.local, local, sizeof flow.local)) {
      flow.last = now;
      return &flow;
    }
    if (oldest == nullptr || flow.last < oldest->last) oldest = &flow;
  }
  if (unused == nullptr && end_ < most_) unused = &all_[end_++];
  if (unused == nullptr) {
    if (oldest == nullptr) return nullptr;
    close(*oldest);
    unused = oldest;
  }
  const Address to = target_of(listener);
  const auto index = static_cast<uint32_t>(unused - all_);
  long fd = sys::call(__NR_socket, to.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return nullptr;
  long r = sys::call(__NR_connect, fd, sys::arg(to.bytes), to.size);
  if (r >= 0) r = watch(epoll_, EPOLL_CTL_ADD, static_cast<int>(fd), EPOLLIN, tag(Kind::flow, index));
  if (r < 0) {
    sys::close(static_cast<int>(fd));
    return nullptr;
  }
  *unused = {static_cast<int>(fd), listener.fd, true, client, {}, now};
  __builtin_memcpy(unused->local, local, sizeof unused->local);
  return unused;
}

void Flows::answer(uint32_t index, uint64_t now) {
  Flow& flow = all_[index];
  if (!flow.used) return;
  for (int turn = 0; turn < kMostTurns; turn++) {
    long n = sys::call(__NR_recvfrom, flow.fd, sys::arg(buffer), kBufferBytes, MSG_DONTWAIT, 0, 0);
    // EAGAIN: no answer waits. ECONNREFUSED: nothing in the container listens, and the flow stays for later datagrams.
    if (n < 0) return;
    flow.last = now;
    Info info = {};
    message::Piece piece = {buffer, static_cast<size_t>(n)};
    message::Header header = {flow.client.bytes, static_cast<int>(flow.client.size), &piece, 1, &info, 0, 0};
    if (flow.client.family() == AF_INET6) {
      // The interface stays 0, because a link-local address of the client contains it (sin6_scope_id).
      info.level = IPPROTO_IPV6;
      info.type = IPV6_PKTINFO;
      __builtin_memcpy(info.data, flow.local, 16);
      info.bytes = kHead + 20;
    } else {
      info.level = IPPROTO_IP;
      info.type = IP_PKTINFO;
      // ipi_spec_dst, behind the interface
      __builtin_memcpy(info.data + 4, flow.local, 4);
      info.bytes = kHead + 12;
    }
    header.control_bytes = sizeof info;
    // As above: UDP may lose it.
    sys::unchecked(sys::call(__NR_sendmsg, flow.listener, sys::arg(&header), MSG_NOSIGNAL | MSG_DONTWAIT));
  }
}

int Flows::expire(uint64_t now) {
  uint64_t next = 0;
  for (uint32_t i = 0; i < end_; i++) {
    Flow& flow = all_[i];
    if (!flow.used) continue;
    const uint64_t until = flow.last + kSilentMs;
    if (until <= now) {
      close(flow);
    } else if (next == 0 || until < next) {
      next = until;
    }
  }
  while (end_ > 0 && !all_[end_ - 1].used) end_--;
  return next == 0 ? -1 : static_cast<int>(next - now);
}

void Flows::close(Flow& flow) {
  sys::close(flow.fd);
  flow.used = false;
}

}  // namespace tsubo::keeper
