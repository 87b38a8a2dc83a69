// SPDX-License-Identifier: Apache-2.0
#include "binding/netlink.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

namespace tsubo::binding {

namespace {

// The most bytes of a dump that the kernel puts into one answer.
constexpr size_t kBuffer = 32768;
// The kernel's MAX_ERRNO.
constexpr int kMostError = 4095;

}  // namespace

void Message::append(const void* data, size_t size) {
  bytes_.append(static_cast<const char*>(data), size);
  bytes_.resize(NLMSG_ALIGN(bytes_.size()));
}

Message& Message::add(uint16_t type, const void* data, size_t size) {
  rtattr attribute = {static_cast<uint16_t>(RTA_LENGTH(size)), type};
  append(&attribute, sizeof attribute);
  append(data, size);
  return *this;
}

size_t Message::open(uint16_t type) {
  const size_t at = bytes_.size();
  rtattr attribute = {0, static_cast<uint16_t>(type | NLA_F_NESTED)};
  append(&attribute, sizeof attribute);
  return at;
}

void Message::close(size_t at) {
  const auto length = static_cast<uint16_t>(bytes_.size() - at);
  memcpy(bytes_.data() + at, &length, sizeof length);
}

const std::string& Message::complete(uint32_t sequence) {
  auto* header = reinterpret_cast<nlmsghdr*>(bytes_.data());
  header->nlmsg_len = static_cast<uint32_t>(bytes_.size());
  header->nlmsg_seq = sequence;
  return bytes_;
}

const rtattr* find(const std::string& answer, size_t fixed, unsigned type) {
  const size_t start = NLMSG_ALIGN(sizeof(nlmsghdr)) + NLMSG_ALIGN(fixed);
  if (answer.size() < start) return nullptr;
  Attributes attributes(answer.data() + start, answer.size() - start);
  while (const rtattr* attribute = attributes.next()) {
    if ((attribute->rta_type & NLA_TYPE_MASK) == type) return attribute;
  }
  return nullptr;
}

std::string text_of(const rtattr* attribute) {
  if (attribute == nullptr) return "";
  auto* text = static_cast<const char*>(RTA_DATA(attribute));
  return std::string(text, strnlen(text, RTA_PAYLOAD(attribute)));
}

Refusal Netlink::open(int protocol) {
  socket_.reset(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  return socket_.get() < 0 ? Refusal{"socket", errno} : Refusal{};
}

Refusal Netlink::open_in(int name_space, int own, int protocol) {
  if (setns(name_space, CLONE_NEWNET) < 0) return {"setns", errno};
  const Refusal opened = open(protocol);
  // The thread must not continue in a foreign namespace.
  if (setns(own, CLONE_NEWNET) < 0) abort();
  return opened;
}

template <typename Done>
Refusal Netlink::receive(const char* call, Done done) {
  // On the stack: the heap would map and unmap the pages for each answer.
  alignas(nlmsghdr) char buffer[kBuffer];
  for (;;) {
    ssize_t n = recv(socket_.get(), buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return {call, errno};
    Messages messages(buffer, static_cast<size_t>(n));
    while (const nlmsghdr* header = messages.next()) {
      if (done(header)) return {};
    }
  }
}

int error_of(const nlmsghdr* header) {
  if (header->nlmsg_len < NLMSG_LENGTH(sizeof(nlmsgerr))) return EBADMSG;
  const int error = static_cast<const nlmsgerr*>(NLMSG_DATA(header))->error;
  return error > 0 || error < -kMostError ? EBADMSG : -error;
}

Refusal Netlink::ask(const char* call, Message message, std::vector<std::string>* answers) {
  const std::string& bytes = message.complete(++sequence_);
  if (send(socket_.get(), bytes.data(), bytes.size(), 0) < 0) return {call, errno};
  Refusal answer;
  const Refusal received = receive(call, [&](const nlmsghdr* header) {
    if (header->nlmsg_seq != sequence_) return false;
    if (header->nlmsg_type == NLMSG_DONE) {
      // A dump that the kernel has ended early has its negative error there.
      int error = 0;
      if (header->nlmsg_len >= NLMSG_LENGTH(sizeof error)) memcpy(&error, NLMSG_DATA(header), sizeof error);
      if (error < 0) answer = {call, -error};
      return true;
    }
    if (header->nlmsg_type == NLMSG_ERROR) {
      answer = {call, error_of(header)};
      return true;
    }
    if (answers != nullptr) answers->emplace_back(reinterpret_cast<const char*>(header), header->nlmsg_len);
    return (header->nlmsg_flags & NLM_F_MULTI) == 0;
  });
  return received.error != 0 ? received : answer;
}

Refusal Netlink::ask_in_order(const char* call, const std::vector<Message>& messages) {
  for (const Message& message : messages) {
    if (const Refusal r = ask(call, message); r.error != 0) return r;
  }
  return {};
}

}  // namespace tsubo::binding
