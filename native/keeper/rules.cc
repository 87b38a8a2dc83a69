// SPDX-License-Identifier: Apache-2.0
#include "keeper/rules.h"

#include <linux/errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "core/fd.h"

namespace tsubo::keeper {

namespace {

long rules_socket() {
  return sys::call(__NR_socket, AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_NETFILTER);
}

}  // namespace

long Rules::open() {
  UniqueFd fd(rules_socket());
  if (!fd.open()) return -EPROTONOSUPPORT;
  sockaddr_nl self = {};
  self.nl_family = AF_NETLINK;
  if (long r = sys::call(__NR_bind, fd.get(), sys::arg(&self), sizeof self); r < 0) return r;
  int group = NFNLGRP_NFTABLES;
  long r = sys::call(__NR_setsockopt, fd.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, sys::arg(&group), sizeof group);
  if (r < 0) return r;
  fd_ = fd.release();
  return 0;
}

bool Rules::deleted() {
  bool found = false;
  while (true) {
    long n = sys::call(__NR_recvfrom, fd_, sys::arg(buffer), kBufferBytes, MSG_DONTWAIT, 0, 0);
    // Events were lost: assume that the table was deleted.
    if (n == -ENOBUFS) {
      found = true;
      continue;
    }
    if (n == -EINTR) continue;
    if (n < 0) return found;
    for (long at = 0; n - at >= static_cast<long>(sizeof(nlmsghdr));) {
      nlmsghdr header;
      __builtin_memcpy(&header, buffer + at, sizeof header);
      if (header.nlmsg_len < sizeof header) break;
      if (header.nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE)) found = true;
      at += NLMSG_ALIGN(header.nlmsg_len);
    }
  }
}

const unsigned char* Rules::send(const unsigned char* at, uint32_t count, bool stays_open) {
  UniqueFd fd(rules_socket());
  for (uint32_t i = 0; i < count; i++) {
    uint32_t bytes;
    __builtin_memcpy(&bytes, at, sizeof bytes);
    at += sizeof bytes;
    if (fd.open()) {
      // A refused batch has nothing left to restore or remove: the table already exists, or no longer exists.
      sys::unchecked(sys::call(__NR_sendto, fd.get(), sys::arg(at), bytes, 0, 0, 0));
      while (sys::call(__NR_recvfrom, fd.get(), sys::arg(buffer), kBufferBytes, MSG_DONTWAIT, 0, 0) > 0) {
      }
    }
    at += bytes;
  }
  // Closed by the exit of this process.
  if (stays_open) sys::unchecked(fd.release());
  return at;
}

}  // namespace tsubo::keeper
