// SPDX-License-Identifier: Apache-2.0
//
// A report of the init, and the packets that a keeper sends to a client that waits. native.mjs renames recvmsg(2) in
// the source.
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "binding/interrupt.h"
#include "binding/table.h"
#include "bytes.h"
#include "spawn/spawn.h"

namespace {

tsubo::fuzz::Bytes* input;

}  // namespace

// Not called here: a spawn needs a plan, and nothing interrupts the wait.
namespace tsubo {
SpawnFailure spawn(const SpawnRequest&, Spawned*) { abort(); }
namespace binding {
bool interrupted(Wait) { return false; }
}  // namespace binding
}  // namespace tsubo

extern "C" ssize_t fuzz_recvmsg(int, msghdr* message, int) {
  const uint8_t how = input->byte();
  if (how == 0xff) {
    errno = ECONNRESET;
    return -1;
  }
  if (how & 1 && message->msg_controllen >= CMSG_SPACE(sizeof(int))) {
    cmsghdr* sent = CMSG_FIRSTHDR(message);
    sent->cmsg_level = SOL_SOCKET;
    sent->cmsg_type = SCM_RIGHTS;
    sent->cmsg_len = CMSG_LEN(sizeof(int));
    const int fd = -1;
    memcpy(CMSG_DATA(sent), &fd, sizeof fd);
    message->msg_controllen = CMSG_SPACE(sizeof(int));
  } else {
    message->msg_controllen = 0;
  }
  size_t n = 0;
  for (size_t i = 0; i < message->msg_iovlen; i++)
    n += input->copy(message->msg_iov[i].iov_base, message->msg_iov[i].iov_len);
  // Most reports have their whole size.
  if (how & 2) {
    for (size_t i = 0; i < message->msg_iovlen; i++) n += message->msg_iov[i].iov_len;
    if (n > message->msg_iov[0].iov_len) n = message->msg_iov[0].iov_len;
  }
  return static_cast<ssize_t>(n);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tsubo::fuzz::Bytes bytes(data, size);
  input = &bytes;
  const tsubo::binding::Outcome outcome = tsubo::binding::function::awaitReport({tsubo::binding::Value::number(0)});
  if (outcome.syscall != nullptr) return 0;
  const std::string& kind = outcome.value.field("kind").text();
  if (kind != "ready" && kind != "waiting" && kind != "cloned" && kind != "failed" && kind != "ended") abort();
  if (outcome.value.field("syscall").text().size() > 28 || outcome.value.field("detail").text().size() > 980) abort();
  return 0;
}
