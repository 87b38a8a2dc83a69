// SPDX-License-Identifier: Apache-2.0
//
// The entry of the keeper, and the keeper of published ports: a small process beside a container. It holds the sockets
// of the ports, because then no other program can bind them, and forwards the traffic that the kernel's rules do not
// translate (::1, and all traffic on a machine without nftables). After the table was deleted, it sends the rules
// again. Without root, it runs the program that connects the container instead. It exits after the container's init.
//
// With a ContainerRequest as its input, the process is the keeper of streams, log and exit status instead
// (container.h).
#include <asm/fcntl.h>
#include <asm/signal.h>
#include <linux/errno.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/time.h>

#include "init/stack_guard.h"
#include "keeper/container.h"
#include "keeper/process.h"
#include "keeper/program.h"
#include "keeper/rules.h"
#include "keeper/tcp.h"
#include "keeper/udp.h"

namespace tsubo::keeper {

unsigned char buffer[kBufferBytes];

Address target_of(const Listener& listener) {
  constexpr unsigned char kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  bool mapped = true;
  for (size_t i = 0; i < sizeof kMapped; i++) mapped = mapped && listener.address[i] == kMapped[i];
  Address to = {};
  const auto high = static_cast<unsigned char>(listener.port >> 8), low = static_cast<unsigned char>(listener.port);
  to.bytes[0] = mapped ? AF_INET : AF_INET6;
  to.bytes[2] = high;
  to.bytes[3] = low;
  if (mapped) {
    __builtin_memcpy(to.bytes + 4, listener.address + 12, 4);
    to.size = sizeof(sockaddr_in);
  } else {
    __builtin_memcpy(to.bytes + 8, listener.address, 16);
    to.size = sizeof(sockaddr_in6);
  }
  return to;
}

namespace {

constexpr int kBadRequest = 125;
// Descriptors for the request, the epoll set, the two sockets for rules, and the standard streams.
constexpr uint64_t kOwnDescriptors = 16;
constexpr uint32_t kMostConnections = 16'384, kMostFlows = 1'024;

[[noreturn]] void report_failure(const Request& request, const char* syscall, long result) {
  Status status = {};
  status.error = static_cast<int32_t>(-result);
  for (size_t i = 0; syscall[i] != '\0' && i < sizeof status.syscall - 1; i++) status.syscall[i] = syscall[i];
  // If the runtime has exited, no process reads the status.
  sys::unchecked(sys::write(request.status, &status, sizeof status));
  sys::exit(1);
}

[[noreturn]] void report_end(const Request& request, int32_t ended) {
  Status status = {};
  status.ended = ended;
  sys::unchecked(sys::write(request.status, &status, sizeof status));
  sys::exit(1);
}

void require(const Request& request, const char* syscall, long result) {
  if (result < 0) report_failure(request, syscall, result);
}

const Request* map_request(int fd) {
  Request head;
  if (sys::read(fd, &head, sizeof head) != sizeof head || head.magic != kMagic) return nullptr;
  if (head.listeners > kMostListeners || head.bytes > kMostBytes) return nullptr;
  const size_t size = sizeof head + head.listeners * sizeof(Listener) + head.bytes;
  long at = sys::call(__NR_mmap, 0, static_cast<long>(size), PROT_READ, MAP_PRIVATE, fd, 0);
  return at < 0 && at > -4096 ? nullptr : reinterpret_cast<const Request*>(at);
}

// Returns the address after a batch.
const unsigned char* after(const unsigned char* batch) {
  uint32_t bytes;
  __builtin_memcpy(&bytes, batch, sizeof bytes);
  return batch + sizeof bytes + bytes;
}

// Descriptors of the caller must not stay open: a reader of one of its pipes waits for the last writer.
void close_foreign(const Request& request, const Listener* listeners) {
  unsigned next = 3;
  while (true) {
    unsigned lowest = ~0u;
    auto consider = [&](int fd) {
      if (static_cast<unsigned>(fd) >= next && static_cast<unsigned>(fd) < lowest) lowest = static_cast<unsigned>(fd);
    };
    consider(request.init);
    consider(request.status);
    consider(request.output);
    consider(request.removed);
    // The listeners are in ascending order and consecutive: few rounds are needed.
    for (uint32_t i = 0; i < request.listeners; i++) {
      if (static_cast<unsigned>(listeners[i].fd) < next) continue;
      consider(listeners[i].fd);
      break;
    }
    if (lowest > next) require(request, "close_range", sys::close_range(next, lowest - 1, 0));
    if (lowest == ~0u) return;
    next = lowest + 1;
  }
}

}  // namespace

[[noreturn]] void serve(const Request& request) {
  const auto* listeners = reinterpret_cast<const Listener*>(&request + 1);
  const auto* batches = reinterpret_cast<const unsigned char*>(listeners + request.listeners);
  close_foreign(request, listeners);
  if (Failed failed = leave_caller(); failed.syscall != nullptr) report_failure(request, failed.syscall, failed.result);

  sys::Rlimit64 files = {1024, 1024};
  sys::unchecked(sys::call(__NR_prlimit64, 0, RLIMIT_NOFILE, 0, sys::arg(&files)));
  if (files.soft < files.hard) {
    const sys::Rlimit64 raised = {files.hard, files.hard};
    if (sys::call(__NR_prlimit64, 0, RLIMIT_NOFILE, sys::arg(&raised), 0) == 0) files.soft = files.hard;
  }
  const uint64_t taken = kOwnDescriptors + request.listeners + kMostFlows / 4;
  const uint64_t pairs = files.soft > taken ? (files.soft - taken) / 2 : 1;

  const unsigned char* at = batches;
  for (uint32_t i = 0; i < request.restore; i++) at = after(at);
  const unsigned char* last = at;
  for (uint32_t i = 0; i < request.end; i++) at = after(at);
  Program program;
  if (request.strings > 0) {
    // The program must hold no descriptor of the container or of the runtime.
    const int own[] = {request.init, request.status, request.output};
    for (int fd : own) require(request, "fcntl", sys::fcntl(fd, F_SETFD, FD_CLOEXEC));
    const long ended = program.start(reinterpret_cast<const char*>(at), request.strings, request.output);
    if (ended > 0) report_end(request, static_cast<int32_t>(ended));
    require(request, "execve", ended);
    sys::close(request.output);
  }

  long epoll = sys::call(__NR_epoll_create1, EPOLL_CLOEXEC);
  require(request, "epoll_create1", epoll);
  const auto set = static_cast<int>(epoll);
  Connections connections;
  Flows flows;
  Rules rules;
  if (!connections.open(set, pairs < kMostConnections ? static_cast<uint32_t>(pairs) : kMostConnections) ||
      !flows.open(set, kMostFlows)) {
    report_failure(request, "mmap", -ENOMEM);
  }
  require(request, "epoll_ctl", watch(set, EPOLL_CTL_ADD, request.init, EPOLLIN, tag(Kind::init, 0)));
  for (uint32_t i = 0; i < request.listeners; i++) {
    const bool datagram = listeners[i].datagram != 0;
    if (datagram) require(request, "setsockopt", Flows::prepare(listeners[i]));
    require(request, "fcntl", sys::fcntl(listeners[i].fd, F_SETFL, O_NONBLOCK));
    const uint64_t data = tag(datagram ? Kind::udp_listener : Kind::tcp_listener, i);
    require(request, "epoll_ctl", watch(set, EPOLL_CTL_ADD, listeners[i].fd, EPOLLIN, data));
  }
  if (request.restore > 0) {
    require(request, "socket", rules.open());
    require(request, "epoll_ctl", watch(set, EPOLL_CTL_ADD, rules.fd(), EPOLLIN, tag(Kind::rules, 0)));
  }
  Status status = {};
  status.pid = static_cast<int32_t>(sys::call(__NR_getpid));
  if (sys::write(request.status, &status, sizeof status) != sizeof status) sys::exit(1);
  sys::close(request.status);

  // True while the listeners wait for the end of a connection, because there was no descriptor for the next one.
  bool full = false;
  int wait = -1;
  while (true) {
    epoll_event events[64];
    long n = sys::call(__NR_epoll_pwait, set, sys::arg(events), 64, wait, 0, 0);
    if (n == -EINTR) continue;
    if (n < 0) sys::exit(1);
    const uint64_t now = now_ms();
    bool again = false, ended = false;
    for (long i = 0; i < n; i++) {
      const auto kind = static_cast<Kind>(events[i].data >> 32);
      const auto index = static_cast<uint32_t>(events[i].data);
      switch (kind) {
        case Kind::init:
          ended = true;
          break;
        case Kind::rules:
          again = rules.deleted() || again;
          break;
        case Kind::tcp_listener:
          if (connections.accept(listeners[index])) break;
          // Otherwise epoll would report the listener again immediately.
          full = watch(set, EPOLL_CTL_MOD, listeners[index].fd, 0, events[i].data) == 0;
          break;
        case Kind::udp_listener:
          flows.take(listeners[index], now);
          break;
        case Kind::client:
        case Kind::target:
          if (!connections.pass(index, kind, events[i].events) || !full) break;
          full = false;
          for (uint32_t k = 0; k < request.listeners; k++) {
            if (listeners[k].datagram != 0) continue;
            sys::unchecked(watch(set, EPOLL_CTL_MOD, listeners[k].fd, EPOLLIN, tag(Kind::tcp_listener, k)));
          }
          break;
        case Kind::flow:
          flows.answer(index, now);
          break;
      }
    }
    if (ended) break;
    if (again) Rules::send(batches, request.restore);
    wait = flows.expire(now);
  }
  program.end();
  // Remove the rules before the sockets are closed: the next container that gets one of the ports adds the same
  // elements, and these batches would remove them.
  Rules::send(last, request.end, true);
  // Without this byte, `delete` queries the kernel for remaining elements, and the close of its netlink socket waits.
  if (request.removed >= 0) sys::unchecked(sys::write(request.removed, "1", 1));
  for (uint32_t i = 0; i < request.listeners; i++) sys::close(listeners[i].fd);
  // The close of the netlink socket waits for the kernel (an RCU grace period of 11 ms), and a command that needs one
  // of the ports waits for the end of this process: a child closes the socket last.
  if (request.end > 0) sys::unchecked(sys::call(__NR_clone, SIGCHLD, 0, 0, 0, 0));
  sys::exit(0);
}

}  // namespace tsubo::keeper

extern "C" [[noreturn, gnu::no_stack_protector]] void tsubo_main(long* stack) {
  using namespace tsubo;
  init::set_stack_guard(stack);
  // The name is only displayed in process lists; a failure is harmless.
  sys::unchecked(sys::prctl(PR_SET_NAME, reinterpret_cast<unsigned long>("tsubo:[keeper]")));
  if (stack[0] < 2) sys::exit(keeper::kBadRequest);
  int fd = 0;
  for (const char* p = reinterpret_cast<const char*>(stack[2]); *p >= '0' && *p <= '9'; p++) fd = fd * 10 + (*p - '0');
  if (const keeper::ContainerRequest* container = keeper::map_container_request(fd); container != nullptr) {
    sys::close(fd);
    keeper::keep_container(*container);
  }
  const keeper::Request* request = keeper::map_request(fd);
  if (request == nullptr) sys::exit(keeper::kBadRequest);
  sys::close(fd);
  // The runtime blocked every signal before the clone. A signal that it ignored stays ignored, and a broken pipe or the
  // end of the caller's terminal must not end the keeper.
  uint64_t none = 0;
  keeper::require(*request, "rt_sigprocmask", sys::call(__NR_rt_sigprocmask, SIG_SETMASK, sys::arg(&none), 0, 8));
  keeper::serve(*request);
}
