// SPDX-License-Identifier: Apache-2.0
//
// Answers of the kernel on a netlink socket. The socket is that of fuzz_recv: native.mjs renames recv(2) and send(2) in
// the sources.
#include "binding/netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "bytes.h"

using namespace tsubo::binding;

namespace {

tsubo::fuzz::Bytes* input;

}  // namespace

extern "C" ssize_t fuzz_send(int, const void*, size_t size, int) { return static_cast<ssize_t>(size); }
extern "C" ssize_t fuzz_recv(int, void* to, size_t size, int) {
  if (input->left() < sizeof(nlmsghdr)) {
    errno = ECONNRESET;
    return -1;
  }
  size_t wanted = (input->byte() + 1u) * 16;
  const size_t n = input->copy(to, wanted < size ? wanted : size);
  // The kernel never sends less than a header, and the sequence is that of the request.
  if (n < sizeof(nlmsghdr)) {
    errno = ECONNRESET;
    return -1;
  }
  auto* header = static_cast<nlmsghdr*>(to);
  if (header->nlmsg_flags & 0x80) header->nlmsg_seq = 1;
  return static_cast<ssize_t>(n);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tsubo::fuzz::Bytes bytes(data, size);
  input = &bytes;
  const uint8_t how = bytes.byte();
  Netlink netlink;
  const ifinfomsg fixed = {};
  if (how & 1) {
    const std::vector<Message> messages(1 + (how >> 4), Message(RTM_SETLINK, NLM_F_ACK, fixed));
    const Refusal refusal = netlink.ask_in_order("a", messages);
    (void)refusal;
    return 0;
  }
  std::vector<std::string> answers;
  const Refusal refusal = netlink.ask("a", Message(RTM_GETLINK, NLM_F_DUMP, fixed).add(3, "eth0"), &answers);
  (void)refusal;
  for (const std::string& answer : answers) {
    for (unsigned type = 0; type < 8; type++) text_of(find(answer, sizeof(ifinfomsg), type));
  }
  return 0;
}
