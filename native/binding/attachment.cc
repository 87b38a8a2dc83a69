// SPDX-License-Identifier: Apache-2.0
//
// A client of the socket of a kept container.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>

#include "binding/interrupt.h"
#include "binding/table.h"
#include "core/fd.h"
#include "keeper/kept.h"

namespace tsubo::binding {

namespace {

// Receives one packet. Returns 0 if the keeper has closed the connection, -1 on failure.
ssize_t receive_packet(int fd, void* to, size_t size) {
  ssize_t n;
  do n = recv(fd, to, size, 0);
  while (n < 0 && call_again());
  // A keeper that ends before it has accepted the connection resets it.
  return n < 0 && errno == ECONNRESET ? 0 : n;
}

Value end_of(const char* how) { return Value::record({{"how", Value::text(how)}}); }

Value exit_of(const unsigned char* packet, ssize_t size) {
  keeper::Exit end = {};
  memcpy(&end, packet + 1, std::min(static_cast<size_t>(size - 1), sizeof end));
  return Value::record({{"how", Value::text("ended")},
                        {"pid", Value::number(end.pid)},
                        {"status", Value::number(end.status)},
                        {"signal", Value::number(end.signal)},
                        {"oomKilled", Value::boolean(end.oom_killed != 0)}});
}

}  // namespace

namespace function {

Outcome openAttachment(const Arguments& a) {
  const std::string& path = a[0].text();
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket.open()) return refused("socket", errno);
  UniqueFd directory(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory.open()) return refused("open", errno, path);
  // An address has room for 107 bytes.
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/attach", directory.get());
  int r;
  do r = connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  while (r < 0 && call_again());
  if (r < 0) return refused("connect", errno, path + "/attach");
  const unsigned char subscribe[] = {keeper::kSubscribe, static_cast<unsigned char>(a[1].number())};
  if (::send(socket.get(), subscribe, sizeof subscribe, MSG_NOSIGNAL) < 0 && errno != EPIPE) {
    return refused("send", errno, path + "/attach");
  }
  unsigned char answer[1 + sizeof(keeper::Hello)];
  const ssize_t n = receive_packet(socket.get(), answer, sizeof answer);
  if (n < 0) return refused("recv", errno, path + "/attach");
  // Output before the subscription is not sent, therefore the first packet is the answer.
  if (n != sizeof answer || answer[0] != keeper::kHello) return refused("recv", ECONNRESET, path + "/attach");
  return Value::number(socket.release());
}

Outcome awaitKept(const Arguments& a) {
  pollfd watched = {static_cast<int>(a[0].number()), POLLIN, 0};
  unsigned char packet[1 + keeper::kMostOutput];
  while (true) {
    int n;
    do n = poll(&watched, 1, static_cast<int>(a[1].number()));
    while (n < 0 && call_again());
    if (n < 0) return refused("poll", errno);
    if (n == 0) return end_of("time");
    const ssize_t size = receive_packet(watched.fd, packet, sizeof packet);
    if (size < 0) return refused("recv", errno);
    if (size == 0) return end_of("gone");
    if (packet[0] == keeper::kExit) return exit_of(packet, size);
  }
}

}  // namespace function

}  // namespace tsubo::binding
