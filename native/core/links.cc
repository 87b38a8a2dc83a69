// SPDX-License-Identifier: Apache-2.0
//
// Configures the network interfaces of the container's namespace over rtnetlink(7).
#include <linux/errno.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>

#include "core/context.h"
#include "core/kernel.h"

namespace tsubo {

namespace {

// Index of the loopback interface in every network namespace.
constexpr uint32_t kLoopback = 1;
constexpr uint32_t kAddressWords = 5, kRouteWords = 4;
// Equal to mostNetworks of src/network/request.ts.
constexpr uint32_t kMostLinks = 32;

// Messages for one send. The kernel answers a message that fails, and the last one in any case.
class Batch {
 public:
  explicit Batch(int socket) : socket_(socket) {}

  Result link_up(uint32_t index) {
    ifinfomsg fixed = {};
    fixed.ifi_index = static_cast<int>(index);
    fixed.ifi_flags = fixed.ifi_change = IFF_UP;
    return message(RTM_NEWLINK, 0, &fixed, sizeof fixed);
  }

  Result address(uint32_t index, bool ipv6, uint8_t prefix, const uint8_t* bytes) {
    ifaddrmsg fixed = {};
    fixed.ifa_family = ipv6 ? AF_INET6 : AF_INET;
    fixed.ifa_prefixlen = prefix;
    fixed.ifa_index = index;
    if (Result r = message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &fixed, sizeof fixed); !r.ok()) return r;
    attribute(IFA_LOCAL, bytes, ipv6 ? 16 : 4);
    attribute(IFA_ADDRESS, bytes, ipv6 ? 16 : 4);
    if (ipv6) {
      // Skip duplicate address detection: the runtime assigns an address once, and the program may use it immediately.
      const uint32_t flags = IFA_F_NODAD;
      attribute(IFA_FLAGS, &flags, sizeof flags);
      return {};
    }
    uint8_t broadcast[4];
    for (int i = 0; i < 4; i++) {
      const int bits = static_cast<int>(prefix) - 8 * i;
      const unsigned host = bits >= 8 ? 0u : bits <= 0 ? 0xFFu : 0xFFu >> bits;
      broadcast[i] = static_cast<uint8_t>(bytes[i] | host);
    }
    attribute(IFA_BROADCAST, broadcast, sizeof broadcast);
    return {};
  }

  Result default_route(uint32_t index, bool ipv6, const uint8_t* gateway) {
    rtmsg fixed = {};
    fixed.rtm_family = ipv6 ? AF_INET6 : AF_INET;
    fixed.rtm_table = RT_TABLE_MAIN;
    fixed.rtm_protocol = RTPROT_STATIC;
    fixed.rtm_scope = RT_SCOPE_UNIVERSE;
    fixed.rtm_type = RTN_UNICAST;
    if (Result r = message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &fixed, sizeof fixed); !r.ok()) return r;
    attribute(RTA_GATEWAY, gateway, ipv6 ? 16 : 4);
    attribute(RTA_OIF, &index, sizeof index);
    return {};
  }

  // Sends the collected messages and waits for the last answer.
  Result send() {
    if (size_ == 0) return {};
    last()->nlmsg_flags |= NLM_F_ACK;
    const uint32_t expected = last()->nlmsg_seq;
    const long sent = sys::write(socket_, bytes_, size_);
    size_ = 0;
    if (sent < 0) return check("write", sent);
    for (;;) {
      const long n = sys::read(socket_, answer_, sizeof answer_);
      if (n < 0) return check("read", n);
      for (long at = 0; at + static_cast<long>(NLMSG_HDRLEN + sizeof(int)) <= n;) {
        const auto* header = reinterpret_cast<const nlmsghdr*>(answer_ + at);
        if (header->nlmsg_len < NLMSG_HDRLEN) return {EBADMSG, "read"};
        if (header->nlmsg_type == NLMSG_ERROR) {
          const auto* error = reinterpret_cast<const nlmsgerr*>(answer_ + at + NLMSG_HDRLEN);
          if (error->error != 0) return {-error->error, call_of(error->msg.nlmsg_type)};
          if (header->nlmsg_seq == expected) return {};
        }
        at += static_cast<long>(NLMSG_ALIGN(header->nlmsg_len));
      }
    }
  }

 private:
  // The longest message, an IPv6 address.
  static constexpr uint32_t kLongest = 96;

  static const char* call_of(uint16_t type) {
    return type == RTM_NEWADDR ? "RTM_NEWADDR" : type == RTM_NEWROUTE ? "RTM_NEWROUTE" : "RTM_NEWLINK";
  }
  nlmsghdr* last() { return reinterpret_cast<nlmsghdr*>(bytes_ + start_); }

  Result message(uint16_t type, int flags, const void* fixed, uint32_t bytes) {
    if (size_ + kLongest > sizeof bytes_) {
      if (Result r = send(); !r.ok()) return r;
    }
    start_ = size_;
    const nlmsghdr header = {0, type, static_cast<uint16_t>(NLM_F_REQUEST | flags), ++sequence_, 0};
    append(&header, sizeof header);
    append(fixed, bytes);
    last()->nlmsg_len = size_ - start_;
    return {};
  }

  void attribute(uint16_t type, const void* data, uint32_t bytes) {
    const rtattr header = {static_cast<uint16_t>(sizeof(rtattr) + bytes), type};
    append(&header, sizeof header);
    append(data, bytes);
    last()->nlmsg_len = size_ - start_;
  }

  void append(const void* data, uint32_t bytes) {
    __builtin_memcpy(bytes_ + size_, data, bytes);
    size_ += bytes;
    // The kernel reads messages and attributes at multiples of 4.
    for (; size_ % 4 != 0; size_++) bytes_[size_] = 0;
  }

  int socket_;
  uint32_t sequence_ = 0, size_ = 0, start_ = 0;
  alignas(4) uint8_t bytes_[1024];
  alignas(4) uint8_t answer_[512];
};

// Writes the address in the two words as bytes in network order.
void write_address(const uint64_t* words, bool ipv6, uint8_t* bytes) {
  if (!ipv6) {
    for (int i = 0; i < 4; i++) bytes[i] = static_cast<uint8_t>(words[1] >> (24 - 8 * i));
    return;
  }
  for (int i = 0; i < 8; i++) {
    bytes[i] = static_cast<uint8_t>(words[0] >> (56 - 8 * i));
    bytes[8 + i] = static_cast<uint8_t>(words[1] >> (56 - 8 * i));
  }
}

// Returns the index of an interface, which the kernel chose. Every socket accepts this ioctl, also that of netlink.
Result index_of(int socket, const char* name, uint32_t* index) {
  struct {
    char name[16];
    int32_t index;
    char rest[20];
  } request = {};
  for (uint32_t i = 0; i < sizeof request.name - 1 && name[i] != '\0'; i++) request.name[i] = name[i];
  const long r = sys::call(__NR_ioctl, socket, SIOCGIFINDEX, sys::arg(&request));
  *index = static_cast<uint32_t>(request.index);
  return check("ioctl(SIOCGIFINDEX)", r);
}

}  // namespace

Result run(Context& c, const wire::step::configureLinks& s) {
  UniqueFd socket;
  long fd = sys::call(__NR_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (Result r = take(&socket, "socket", fd); !r.ok()) return r;
  if (s.addresses.count % kAddressWords != 0 || s.routes.count % kRouteWords != 0) return {EINVAL, "socket"};
  Batch batch(socket.get());
  if (Result r = batch.link_up(kLoopback); !r.ok()) return r;
  uint32_t indices[kMostLinks] = {};
  for (uint32_t i = 0; i < s.names.count; i++) {
    if (i == kMostLinks) return {E2BIG, "ioctl"};
    const char* name = c.plan.text(s.names, i);
    c.about(name);
    if (Result r = index_of(socket.get(), name, &indices[i]); !r.ok()) return r;
    if (Result r = batch.link_up(indices[i]); !r.ok()) return r;
  }
  c.about("");
  const auto index_at = [&](uint64_t position) { return position < kMostLinks ? indices[position] : 0; };
  uint8_t bytes[16] = {};
  for (uint32_t i = 0; i < s.addresses.count; i += kAddressWords) {
    const uint64_t* words = c.plan.words(s.addresses) + i;
    const bool ipv6 = words[1] != 4;
    write_address(words + 3, ipv6, bytes);
    Result r = batch.address(index_at(words[0]), ipv6, static_cast<uint8_t>(words[2]), bytes);
    if (!r.ok()) return r;
  }
  for (uint32_t i = 0; i < s.routes.count; i += kRouteWords) {
    const uint64_t* words = c.plan.words(s.routes) + i;
    const bool ipv6 = words[1] != 4;
    write_address(words + 2, ipv6, bytes);
    if (Result r = batch.default_route(index_at(words[0]), ipv6, bytes); !r.ok()) return r;
  }
  return batch.send();
}

}  // namespace tsubo
