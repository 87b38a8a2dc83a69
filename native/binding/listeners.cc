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

// With SO_REUSEADDR, bind(2) of a TCP port fails because of a listener, but not because of a connection in TIME_WAIT.
// UDP sockets do not have it, because two sockets could then bind one port.
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
  } else if ((address.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
             (tcp && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)) {
    fail("setsockopt");
  } else if (bind(fd, reinterpret_cast<const sockaddr*>(&address), size) < 0) {
    fail("bind");
  } else if (tcp && listen(fd, kBacklog) < 0) {
    fail("listen");
  }
  return bound;
}

// Raises the soft limit of descriptors (usually 1024), because a range needs one for each port. The destructor restores
// it, because the container inherits it.
class RaisedFileLimit {
 public:
  RaisedFileLimit() {
    if (getrlimit(RLIMIT_NOFILE, &before_) < 0 || before_.rlim_cur == before_.rlim_max) return;
    rlimit raised = {before_.rlim_max, before_.rlim_max};
    raised_ = setrlimit(RLIMIT_NOFILE, &raised) == 0;
  }
  RaisedFileLimit(const RaisedFileLimit&) = delete;
  RaisedFileLimit& operator=(const RaisedFileLimit&) = delete;
  ~RaisedFileLimit() {
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
  auto* ipv4 = reinterpret_cast<sockaddr_in*>(&address);
  auto* ipv6 = reinterpret_cast<sockaddr_in6*>(&address);
  if (inet_pton(AF_INET, text.c_str(), &ipv4->sin_addr) == 1) {
    address.ss_family = AF_INET;
  } else if (inet_pton(AF_INET6, text.c_str(), &ipv6->sin6_addr) == 1) {
    address.ss_family = AF_INET6;
  } else {
    return refused("inet_pton", EINVAL, text);
  }
  const socklen_t size = address.ss_family == AF_INET ? sizeof *ipv4 : sizeof *ipv6;
  const RaisedFileLimit limit;
  std::vector<UniqueFd> held;
  for (int64_t i = 0; i < count; i++) {
    const auto port = static_cast<uint16_t>(first + i);
    (address.ss_family == AF_INET ? ipv4->sin_port : ipv6->sin6_port) = htons(port);
    Bound bound = bind_port(address, size, tcp);
    if (bound.call != nullptr) return refused(bound.call, bound.error, std::to_string(port));
    held.push_back(static_cast<UniqueFd&&>(bound.fd));
  }
  std::vector<Value> fds;
  fds.reserve(held.size());
  for (UniqueFd& fd : held) fds.push_back(Value::number(fd.release()));
  return Value::list(std::move(fds));
}

}  // namespace function

}  // namespace tsubo::binding
