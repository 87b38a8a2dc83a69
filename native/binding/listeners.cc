// SPDX-License-Identifier: Apache-2.0
//
// Sockets that hold published ports.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "binding/table.h"
#include "core/fd.h"

namespace tsubo::binding {

namespace {

constexpr int kBacklog = 512;

struct Bound {
  UniqueFd fd;
  const char* call = nullptr;
  int error = 0;
};

// TCP with SO_REUSEADDR: connections in TIME_WAIT do not count, and every listener does. UDP without it, because two
// sockets could then have one port.
Bound bind_port(const sockaddr_storage& address, socklen_t size, bool tcp) {
  Bound bound;
  const auto fail = [&](const char* call) {
    bound.call = call;
    bound.error = errno;
    bound.fd.reset(-1);
  };
  const int on = 1, type = (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC;
  bound.fd.reset(socket(address.ss_family, type, 0));
  const int fd = bound.fd.get();
  if (fd < 0) {
    fail("socket");
  } else if (address.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) {
    fail("setsockopt");
  } else if (tcp && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) {
    fail("setsockopt");
  } else if (bind(fd, reinterpret_cast<const sockaddr*>(&address), size) < 0) {
    fail("bind");
  } else if (tcp && listen(fd, kBacklog) < 0) {
    fail("listen");
  }
  return bound;
}

// A range needs a descriptor for each port, and the usual soft limit is 1024. The container must not inherit another
// limit, so it is restored at the end.
class MoreFiles {
 public:
  MoreFiles() {
    if (getrlimit(RLIMIT_NOFILE, &before_) < 0 || before_.rlim_cur == before_.rlim_max) return;
    rlimit raised = {before_.rlim_max, before_.rlim_max};
    raised_ = setrlimit(RLIMIT_NOFILE, &raised) == 0;
  }
  MoreFiles(const MoreFiles&) = delete;
  MoreFiles& operator=(const MoreFiles&) = delete;
  ~MoreFiles() {
    if (raised_) setrlimit(RLIMIT_NOFILE, &before_);
  }

 private:
  rlimit before_ = {};
  bool raised_ = false;
};

}  // namespace

namespace function {

Outcome holdPorts(const Arguments& a) {
  const Value& request = a[0];
  const std::string& text = request.field("address").text();
  const bool tcp = request.field("protocol").text() == "tcp";
  const auto first = static_cast<uint16_t>(request.field("first").number());
  const int64_t count = request.field("count").number();
  sockaddr_storage address = {};
  auto* four = reinterpret_cast<sockaddr_in*>(&address);
  auto* six = reinterpret_cast<sockaddr_in6*>(&address);
  if (inet_pton(AF_INET, text.c_str(), &four->sin_addr) == 1) {
    address.ss_family = AF_INET;
  } else if (inet_pton(AF_INET6, text.c_str(), &six->sin6_addr) == 1) {
    address.ss_family = AF_INET6;
  } else {
    return refused("inet_pton", EINVAL, text);
  }
  const socklen_t size = address.ss_family == AF_INET ? sizeof *four : sizeof *six;
  const MoreFiles more;
  std::vector<UniqueFd> held;
  for (int64_t i = 0; i < count; i++) {
    const auto port = static_cast<uint16_t>(first + i);
    (address.ss_family == AF_INET ? four->sin_port : six->sin6_port) = htons(port);
    Bound bound = bind_port(address, size, tcp);
    if (bound.call != nullptr) return refused(bound.call, bound.error, std::to_string(port));
    held.push_back(static_cast<UniqueFd&&>(bound.fd));
  }
  std::vector<Value> fds;
  for (UniqueFd& fd : held) fds.push_back(Value::number(fd.release()));
  return Value::list(std::move(fds));
}

}  // namespace function

}  // namespace tsubo::binding
