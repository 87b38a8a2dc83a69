// SPDX-License-Identifier: Apache-2.0
#include "binding/readiness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "binding/interrupt.h"
#include "binding/pass_descriptor.h"
#include "binding/sockets.h"
#include "binding/table.h"
#include "core/fd.h"

namespace tsubo::binding {

namespace {

// A datagram of the container may have other lines (STATUS=...). The rest of a longer one is dropped.
constexpr size_t kLongestDatagram = 4096;
constexpr int kBarrierMs = 30'000;

bool has_line(const char* text, size_t length, const char* line) {
  const size_t wanted = strlen(line);
  for (size_t begin = 0; begin < length;) {
    const void* found = memchr(text + begin, '\n', length - begin);
    const size_t end = found == nullptr ? length : static_cast<size_t>(static_cast<const char*>(found) - text);
    if (end - begin == wanted && memcmp(text + begin, line, wanted) == 0) return true;
    begin = end + 1;
  }
  return false;
}

// Sends the write end of a pipe and waits until the service manager closes it: the manager has then handled the earlier
// messages, and this process may exit. A manager without this protocol never closes it, therefore the wait is limited.
Outcome synchronise(int socket, const std::string& host) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return refused("pipe2", errno);
  UniqueFd reader(ends[0]), writer(ends[1]);
  if (send_with_descriptor(socket, "BARRIER=1", writer.get()) < 0) return refused("sendmsg", errno, host);
  writer.reset();
  pollfd watched = {reader.get(), 0, 0};
  int n;
  do n = poll(&watched, 1, kBarrierMs);
  while (n < 0 && call_again());
  return n < 0 ? refused("poll", errno) : Outcome();
}

}  // namespace

bool receive_ready(int socket) {
  char datagram[kLongestDatagram];
  bool ready = false;
  for (;;) {
    const ssize_t n = recv(socket, datagram, sizeof datagram, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ready;
    if (has_line(datagram, static_cast<size_t>(n), "READY=1")) ready = true;
  }
}

Outcome announce_ready(const std::string& host, pid_t main, bool barrier) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.open()) return refused("socket", errno);
  if (Outcome o = connect_to(socket.get(), host); o.syscall != nullptr) return o;
  const std::string text = "READY=1\nMAINPID=" + std::to_string(main) + "\n";
  if (send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL) < 0) return refused("send", errno, host);
  return barrier ? synchronise(socket.get(), host) : Outcome();
}

namespace function {

Outcome bindDatagrams(const Arguments& a) {
  const std::string& path = a[0].text();
  const size_t slash = path.rfind('/');
  UniqueFd directory(::open(path.substr(0, slash + 1).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory.open()) return refused("open", errno, path);
  // An address has room for 107 bytes, and the whole path may be longer: the directory is named by its descriptor.
  const std::string through = "/proc/self/fd/" + std::to_string(directory.get()) + path.substr(slash);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (through.size() >= sizeof address.sun_path) return refused("bind", ENAMETOOLONG, path);
  memcpy(address.sun_path, through.c_str(), through.size() + 1);
  UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.open()) return refused("socket", errno);
  if (bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
    return refused("bind", errno, path);
  // Every user of the container may send.
  if (chmod(through.c_str(), 0777) < 0) return refused("chmod", errno, path);
  return Value::number(socket.release());
}

Outcome relayReadiness(const Arguments& a) {
  const int socket = static_cast<int>(a[0].field("socket").number());
  const int pidfd = static_cast<int>(a[0].field("pidfd").number());
  for (;;) {
    pollfd watched[] = {{socket, POLLIN, 0}, {pidfd, POLLIN, 0}};
    if (poll(watched, 2, -1) < 0) {
      if (call_again()) continue;
      return refused("poll", errno);
    }
    if (receive_ready(socket)) break;
    if (watched[1].revents != 0) return Value::boolean(false);
  }
  const auto pid = static_cast<pid_t>(a[0].field("pid").number());
  if (Outcome o = announce_ready(a[0].field("host").text(), pid, true); o.syscall != nullptr) return o;
  return Value::boolean(true);
}

}  // namespace function

}  // namespace tsubo::binding
