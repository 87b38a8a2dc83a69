// SPDX-License-Identifier: Apache-2.0
//
// Messages of netlink(7) and a socket for them, for the files that use rtnetlink(7) and nfnetlink.
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdint.h>

#include <string>
#include <vector>

#include "core/fd.h"

namespace tsubo::binding {

// The call that failed; `error` is 0 on success.
struct Refusal {
  const char* call = nullptr;
  int error = 0;
};

// A netlink message: header, fixed part, attributes.
class Message {
 public:
  template <typename Fixed>
  Message(uint16_t type, uint16_t flags, const Fixed& fixed) {
    nlmsghdr header = {};
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
    append(&header, sizeof header);
    append(&fixed, sizeof fixed);
  }
  Message& add(uint16_t type, const void* data, size_t size);
  Message& add(uint16_t type, uint32_t number) { return add(type, &number, sizeof number); }
  Message& add(uint16_t type, const std::string& text) { return add(type, text.c_str(), text.size() + 1); }
  // Starts a nested attribute; returns its position for `close`.
  size_t open(uint16_t type);
  // The same with a fixed part before the inner attributes.
  template <typename Fixed>
  size_t open(uint16_t type, const Fixed& fixed) {
    const size_t at = open(type);
    append(&fixed, sizeof fixed);
    return at;
  }
  void close(size_t at);
  // Writes the length and the sequence number into the header, and returns the message.
  const std::string& complete(uint32_t sequence);

 private:
  void append(const void* data, size_t size);
  std::string bytes_;
};

// A walk over received messages, or over attributes, which both begin with their length. The macros of the kernel's
// headers would read past the end if the last message or attribute has no padding.
template <typename Header, typename Length, Length Header::*kLength>
class Walk {
 public:
  Walk(const void* at, size_t left) : at_(static_cast<const char*>(at)), left_(left) {}
  // Returns the next one that is whole, or null.
  const Header* next() {
    if (left_ < sizeof(Header)) return nullptr;
    auto* header = reinterpret_cast<const Header*>(at_);
    const size_t length = header->*kLength;
    if (length < sizeof(Header) || length > left_) return nullptr;
    const size_t padded = NLMSG_ALIGN(length);
    at_ += padded < left_ ? padded : left_;
    left_ -= padded < left_ ? padded : left_;
    return header;
  }

 private:
  const char* at_;
  size_t left_;
};
using Messages = Walk<nlmsghdr, __u32, &nlmsghdr::nlmsg_len>;
using Attributes = Walk<rtattr, unsigned short, &rtattr::rta_len>;

// Returns an attribute of an answer, or null.
const rtattr* find(const std::string& answer, size_t fixed, unsigned type);

std::string text_of(const rtattr* attribute);

// Returns the positive error of a message of the type NLMSG_ERROR; 0 is an acknowledgement. EBADMSG if it has none, or
// a number that is not a negated errno.
int error_of(const nlmsghdr* header);

// A socket in the network namespace in which it was opened; it stays there if the thread changes its namespace.
class Netlink {
 public:
  // Opens the socket in the namespace of this thread.
  Refusal open(int protocol);
  // Opens the socket in `name_space`. Precondition: `own` is the namespace of this thread.
  Refusal open_in(int name_space, int own, int protocol);

  // Sends the message and collects the answers: all messages of a dump, one of a request that has an answer. An
  // acknowledgement is not an answer.
  Refusal ask(const char* call, Message message, std::vector<std::string>* answers = nullptr);
  // Sends each message after the kernel has accepted the one before it; returns the first error. In one send the kernel
  // would also perform the messages after one that it refuses. Precondition: each message has NLM_F_ACK.
  Refusal ask_in_order(const char* call, const std::vector<Message>& messages);

  int fd() const { return socket_.get(); }

 private:
  // Reads messages until `done` returns true for one.
  template <typename Done>
  Refusal receive(const char* call, Done done);

  UniqueFd socket_;
  uint32_t sequence_ = 0;
};

}  // namespace tsubo::binding
