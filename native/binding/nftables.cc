// SPDX-License-Identifier: Apache-2.0
//
// Messages to nfnetlink(7), which src/network encodes: transactions of nf_tables, dumps, and removals of connections.
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "binding/netlink.h"
#include "binding/table.h"

namespace tsubo::binding {

namespace {

// A transaction of a thousand elements has about 150 KB, and the kernel may answer each message with an error.
constexpr int kSocketBuffer = 4 << 20;
// An answer with an error contains the message that failed, which has less than 64 KiB.
constexpr size_t kBuffer = 65536;

struct Answer {
  // Sequence number of the message that failed first, and its error; 0 if none did.
  uint32_t sequence = 0;
  int error = 0;
  std::string dumped;
  bool done = false;
};

// The last message requests an acknowledgement or is a dump, therefore its answer is the last. An error of the
// transaction as a whole has the sequence number of its first message.
void read_answer(const nlmsghdr* header, uint32_t last, Answer* answer) {
  if (header->nlmsg_type == NLMSG_ERROR) {
    const int error = error_of(header);
    if (error != 0 && answer->error == 0) {
      answer->error = error;
      answer->sequence = header->nlmsg_seq;
    }
    if (header->nlmsg_seq == last) answer->done = true;
    return;
  }
  if (header->nlmsg_seq != last) return;
  if (header->nlmsg_type == NLMSG_DONE) {
    answer->done = true;
    return;
  }
  answer->dumped.append(reinterpret_cast<const char*>(header), header->nlmsg_len);
  answer->dumped.resize(NLMSG_ALIGN(answer->dumped.size()));
  if ((header->nlmsg_flags & NLM_F_MULTI) == 0) answer->done = true;
}

Refusal exchange(Netlink& net, const Value& bytes, uint32_t last, Answer* answer) {
  if (send(net.fd(), bytes.data(), bytes.size(), 0) < 0) return {"sendto", errno};
  // On the stack: the heap would map and unmap the pages for each exchange.
  alignas(nlmsghdr) char buffer[kBuffer];
  // After an error, the kernel may not answer the last message: read only the answers that have arrived.
  while (!answer->done) {
    const int flags = answer->error == 0 ? 0 : MSG_DONTWAIT;
    ssize_t n = recv(net.fd(), buffer, sizeof buffer, flags);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return {};
    if (n < 0) return {"recvfrom", errno};
    Messages messages(buffer, static_cast<size_t>(n));
    while (const nlmsghdr* header = messages.next()) read_answer(header, last, answer);
  }
  return {};
}

}  // namespace

namespace function {

Outcome netfilter(const Arguments& a) {
  const Value& request = a[0];
  const Value& messages = request.field("messages");
  Netlink net;
  if (Refusal r = net.open(NETLINK_NETFILTER); r.error != 0) return refused(r.call, r.error, "NETLINK_NETFILTER");
  // Without CAP_NET_ADMIN the sizes stay, and small transactions still work.
  for (int option : {SO_SNDBUFFORCE, SO_RCVBUFFORCE}) {
    if (messages.size() > kBuffer) setsockopt(net.fd(), SOL_SOCKET, option, &kSocketBuffer, sizeof kSocketBuffer);
  }
  Answer answer;
  const auto last = static_cast<uint32_t>(request.field("last").number());
  if (Refusal r = exchange(net, messages, last, &answer); r.error != 0) {
    return refused(r.call, r.error, "NETLINK_NETFILTER");
  }
  return Value::record({{"errno", Value::number(answer.error)},
                        {"sequence", Value::number(answer.sequence)},
                        {"answers", Value::owned_bytes(std::move(answer.dumped))}});
}

}  // namespace function

}  // namespace tsubo::binding
