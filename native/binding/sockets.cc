// SPDX-License-Identifier: Apache-2.0
//
// Passes descriptors to a listener on a Unix socket: the terminal's master, a pidfd, the listener of a seccomp filter.
// Also exchanges messages over a socket, with systemd.
#include "binding/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "binding/interrupt.h"
#include "binding/pass_descriptor.h"
#include "binding/table.h"
#include "core/fd.h"

namespace tsubo::binding {

// An address holds 107 bytes of path; a longer path is connected through a descriptor of the socket's file. A path with
// a leading @ is an abstract name, as in Go's library.
Outcome connect_to(int socket, const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  socklen_t length = sizeof address;
  const bool abstract = !path.empty() && path[0] == '@' && path.size() <= sizeof address.sun_path;
  UniqueFd file(abstract || path.size() < sizeof address.sun_path ? -1 : ::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (abstract) {
    memcpy(address.sun_path + 1, path.c_str() + 1, path.size() - 1);
    length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  } else if (path.size() < sizeof address.sun_path) {
    memcpy(address.sun_path, path.c_str(), path.size() + 1);
  } else {
    if (file.get() < 0) return refused("open", errno, path);
    std::string through = "/proc/self/fd/" + std::to_string(file.get());
    memcpy(address.sun_path, through.c_str(), through.size() + 1);
  }
  int r;
  do r = connect(socket, reinterpret_cast<sockaddr*>(&address), length);
  while (r < 0 && call_again());
  return r < 0 ? refused("connect", errno, path) : Outcome();
}

namespace {

int64_t now_ms() {
  timespec t = {};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

// Waits for events of the socket. Returns false on a timeout; a negative timeout means no limit.
bool await_events(int socket, short events, int64_t timeout_ms) {
  int64_t end = now_ms() + timeout_ms;
  for (;;) {
    int64_t left = timeout_ms < 0 ? -1 : end - now_ms();
    if (timeout_ms >= 0 && left < 0) left = 0;
    pollfd watched = {socket, events, 0};
    int r = poll(&watched, 1, static_cast<int>(left > 3600000 ? 3600000 : left));
    if (r > 0) return true;
    if (r == 0 && timeout_ms >= 0 && now_ms() >= end) return false;
    // The next call on the socket reports the error.
    if (r < 0 && !call_again()) return true;
  }
}

}  // namespace

namespace {

// Connects a new stream socket, whose connect(2) and sends have a time limit.
Outcome connected_stream(const std::string& path, UniqueFd* socket) {
  socket->reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket->open()) return refused("socket", errno);
  constexpr timeval kLimit = {10, 0};
  if (setsockopt(socket->get(), SOL_SOCKET, SO_SNDTIMEO, &kLimit, sizeof kLimit) < 0)
    return refused("setsockopt", errno);
  return connect_to(socket->get(), path);
}

}  // namespace

namespace function {

Outcome connectTo(const Arguments& a) {
  UniqueFd socket;
  if (Outcome o = connected_stream(a[0].text(), &socket); o.syscall != nullptr) return o;
  return Value::number(socket.release());
}

Outcome send(const Arguments& a) {
  int fd = static_cast<int>(a[0].number());
  const uint8_t* data = a[1].data();
  size_t size = a[1].size(), sent = 0;
  int64_t end = now_ms() + a[2].number();
  while (sent < size) {
    ssize_t n = ::send(fd, data + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      sent += static_cast<size_t>(n);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return refused("send", errno);
    int64_t left = end - now_ms();
    if (left <= 0 || !await_events(fd, POLLOUT, left)) return refused("send", ETIMEDOUT);
  }
  return {};
}

Outcome receive(const Arguments& a) {
  int fd = static_cast<int>(a[0].number());
  if (!await_events(fd, POLLIN, a[1].number())) return {};
  char buffer[16384];
  ssize_t n;
  do n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  if (n < 0) return refused("recv", errno);
  return Value::owned_bytes(std::string(buffer, static_cast<size_t>(n)));
}

Outcome sendDescriptor(const Arguments& a) {
  const std::string &path = a[0].text(), &text = a[2].text();
  int fd = static_cast<int>(a[1].number());
  UniqueFd socket;
  if (Outcome o = connected_stream(path, &socket); o.syscall != nullptr) return o;

  ssize_t n;
  do n = send_with_descriptor(socket.get(), text, fd);
  while (n < 0 && call_again());
  if (n < 0) return refused("sendmsg", errno, path);
  for (size_t sent_bytes = static_cast<size_t>(n); sent_bytes < text.size(); sent_bytes += static_cast<size_t>(n)) {
    do n = ::send(socket.get(), text.data() + sent_bytes, text.size() - sent_bytes, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0) return refused("send", errno, path);
  }
  return {};
}

Outcome takeDescriptor(const Arguments& a) {
  int pidfd = static_cast<int>(a[0].number()), number = static_cast<int>(a[1].number());
  int channel = static_cast<int>(a[2].number());
  // The descriptor exists as soon as the filter is loaded, within a fraction of a millisecond. The kernel sends no
  // notification, therefore poll for it.
  for (long round = 0;; round++) {
    long fd = syscall(SYS_pidfd_getfd, pidfd, number, 0);
    if (fd >= 0) return Value::number(fd);
    if (errno == ESRCH) return Value();
    if (errno != EBADF && errno != EINTR) return refused("pidfd_getfd", errno);
    pollfd watched = {channel, POLLIN, 0};
    timespec pause = {0, round < 200 ? 20'000 : 1'000'000};
    const int n = ppoll(&watched, 1, &pause, nullptr);
    if (n > 0) return Value();
    if (n < 0 && !call_again()) return refused("ppoll", errno);
  }
}

}  // namespace function

}  // namespace tsubo::binding
