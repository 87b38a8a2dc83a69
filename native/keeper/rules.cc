// SPDX-License-Identifier: Apache-2.0
#include "keeper/rules.h"

#include <asm/socket.h>
#include <linux/filter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "core/fd.h"

namespace tsubo::keeper {

namespace {

constexpr uint16_t kDeleteTable = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE;
// Messages of one event that the filter examines. A longer event wakes the keeper, which then examines all.
constexpr int kExamined = 16;
constexpr int kStep = 18;

struct Filter {
  sock_filter code[kExamined * kStep + 2];
};

// Accepts events with a deleted table alone: each start and end of a container with ports is an event too, and would
// wake the keepers of all others. X is the position of a message; a load outside of the event rejects it. A load of two
// bytes swaps them, because packets are big endian and netlink is not.
constexpr Filter table_filter() {
  Filter filter = {};
  sock_filter* at = filter.code;
  auto add = [&at](int code, uint32_t k, uint8_t yes = 0, uint8_t no = 0) {
    *at++ = {static_cast<uint16_t>(code), yes, no, k};
  };
  add(BPF_LDX | BPF_IMM, 0);
  for (int i = 0; i < kExamined; i++) {
    add(BPF_STX, 1);
    add(BPF_LD | BPF_H | BPF_IND, offsetof(nlmsghdr, nlmsg_type));
    add(BPF_JMP | BPF_JEQ | BPF_K, __builtin_bswap16(kDeleteTable), 0, 1);
    add(BPF_RET | BPF_K, ~0u);
    add(BPF_LD | BPF_B | BPF_IND, 1);
    add(BPF_ALU | BPF_LSH | BPF_K, 8);
    add(BPF_ST, 0);
    add(BPF_LD | BPF_B | BPF_IND, 0);
    add(BPF_LDX | BPF_W | BPF_MEM, 0);
    add(BPF_ALU | BPF_ADD | BPF_X, 0);
    add(BPF_ALU | BPF_ADD, NLMSG_ALIGNTO - 1);
    add(BPF_ALU | BPF_AND | BPF_K, ~(NLMSG_ALIGNTO - 1));
    add(BPF_LDX | BPF_W | BPF_MEM, 1);
    add(BPF_ALU | BPF_ADD | BPF_X, 0);
    add(BPF_MISC | BPF_TAX, 0);
    add(BPF_LD | BPF_W | BPF_LEN, 0);
    add(BPF_JMP | BPF_JGT | BPF_X, 0, 1, 0);
    add(BPF_RET | BPF_K, 0);
  }
  add(BPF_RET | BPF_K, ~0u);
  return filter;
}

constexpr Filter kTableFilter = table_filter();

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
  sock_fprog program = {sizeof kTableFilter.code / sizeof kTableFilter.code[0],
                        const_cast<sock_filter*>(kTableFilter.code)};
  // Without the filter, the keeper wakes more often.
  sys::unchecked(
      sys::call(__NR_setsockopt, fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, sys::arg(&program), sizeof program));
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
      if (header.nlmsg_type == kDeleteTable) found = true;
      at += NLMSG_ALIGN(header.nlmsg_len);
    }
  }
}

void Rules::send(const unsigned char* at, uint32_t count, bool stays_open) {
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
}

}  // namespace tsubo::keeper
