// SPDX-License-Identifier: Apache-2.0
//
// A client of the socket `attach` of a container's keeper.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "binding/host_terminal.h"
#include "binding/interrupt.h"
#include "binding/table.h"
#include "core/fd.h"
#include "keeper/container_request.h"

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

// Sends a packet to the keeper. Returns false if the socket has no room. Every other error means that the keeper has
// exited: `receive_packet` reports it, and the packet counts as sent.
bool send_packet(int fd, uint8_t kind, const void* data, size_t size) {
  unsigned char packet[1 + keeper::kMostInput];
  packet[0] = kind;
  memcpy(packet + 1, data, size);
  return ::send(fd, packet, size + 1, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

void send_size(int fd, const winsize& size) {
  const keeper::WindowSize window = {size.ws_row, size.ws_col};
  send_packet(fd, keeper::kSize, &window, sizeof window);
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

// Copies between the standard streams and a container, until its end or the detach keys.
class Client {
 public:
  explicit Client(const Value& request);
  Outcome run();

 private:
  void handle_signals();
  void read_input();
  void send_input();
  void receive();
  void write_output();
  void end(Value how) { end_ = std::move(how), done_ = true; }

  const int socket_, pidfd_;
  const bool close_input_;
  const std::string keys_;
  std::optional<HostTerminal> terminal_;
  // Non-blocking descriptors of the standard streams. A stream that cannot be opened again is used itself.
  UniqueFd own_input_, own_output_, own_error_;
  int input_ = -1;
  // Data of the keeper that is not written yet, and the stream that it goes to.
  unsigned char output_[1 + keeper::kMostOutput];
  size_t output_at_ = 0, output_end_ = 0;
  int target_ = -1;
  // Data for the keeper.
  char typed_[keeper::kMostInput];
  size_t typed_size_ = 0;
  // The end of the input must still be sent to the keeper.
  bool input_ended_ = false;
  // Number of detach keys that were typed; they are sent only if another key follows.
  size_t matched_ = 0;
  Value end_;
  bool done_ = false;
};

Client::Client(const Value& r)
    : socket_(static_cast<int>(r.field("attachment").number())),
      pidfd_(r.field("pidfd").is_undefined() ? -1 : static_cast<int>(r.field("pidfd").number())),
      close_input_(r.field("closeInput").truth()),
      keys_(reinterpret_cast<const char*>(r.field("detachKeys").data()), r.field("detachKeys").size()) {
  if (!r.field("terminal").is_undefined()) {
    terminal_.emplace(static_cast<int>(r.field("terminal").number()));
    terminal_->enter_raw();
  }
  if (r.field("input").truth()) {
    own_input_.reset(reopened(STDIN_FILENO, O_RDONLY));
    input_ = own_input_.open() ? own_input_.get() : STDIN_FILENO;
  }
  own_output_.reset(reopened(STDOUT_FILENO, O_WRONLY));
  own_error_.reset(reopened(STDERR_FILENO, O_WRONLY));
}

void Client::handle_signals() {
  unsigned char signals[64];
  const ssize_t n = caught_signals() < 0 ? 0 : ::read(caught_signals(), signals, sizeof signals);
  for (ssize_t i = 0; i < n && !done_; i++) {
    const int signal = signals[i];
    winsize size;
    // The terminal may have changed while the runtime was stopped.
    if (signal == SIGCONT && terminal_) terminal_->enter_raw();
    if ((signal == SIGWINCH || signal == SIGCONT) && terminal_ && terminal_->size(&size)) send_size(socket_, size);
    if (signal == SIGWINCH || signal == SIGCHLD) continue;
    if (pidfd_ >= 0) {
      // ESRCH: the init has exited, and the keeper reports it.
      syscall(SYS_pidfd_send_signal, pidfd_, signal, nullptr, 0);
    } else if (terminates(signal)) {
      end(Value::record({{"how", Value::text("signal")}, {"signal", Value::number(signal)}}));
    }
  }
}

void Client::read_input() {
  if (terminal_ && !terminal_->is_raw()) terminal_->enter_raw();
  char bytes[keeper::kMostInput / 2];
  const ssize_t n = ::read(input_, bytes, sizeof bytes);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    input_ = -1;
    input_ended_ = close_input_;
    return send_input();
  }
  for (ssize_t i = 0; i < n; i++) {
    if (matched_ < keys_.size() && bytes[i] == keys_[matched_]) {
      matched_++;
      if (matched_ == keys_.size()) {
        send_input();
        return end(end_of("detached"));
      }
      continue;
    }
    memcpy(typed_ + typed_size_, keys_.data(), matched_);
    typed_size_ += matched_;
    matched_ = !keys_.empty() && bytes[i] == keys_[0] ? 1 : 0;
    if (matched_ == 0) typed_[typed_size_++] = bytes[i];
  }
  send_input();
}

void Client::send_input() {
  if (typed_size_ > 0 && send_packet(socket_, keeper::kInput, typed_, typed_size_)) typed_size_ = 0;
  if (typed_size_ == 0 && input_ended_ && send_packet(socket_, keeper::kCloseInput, "", 0)) input_ended_ = false;
}

void Client::receive() {
  const ssize_t n = receive_packet(socket_, output_, sizeof output_);
  if (n <= 0) return end(end_of("gone"));
  if (output_[0] == keeper::kExit) return end(exit_of(output_, n));
  const int fd = output_[0] == keeper::kError ? STDERR_FILENO : STDOUT_FILENO;
  const UniqueFd& own = fd == STDERR_FILENO ? own_error_ : own_output_;
  target_ = own.open() ? own.get() : fd;
  output_at_ = 1;
  output_end_ = static_cast<size_t>(n);
  write_output();
}

void Client::write_output() {
  while (output_at_ < output_end_) {
    const ssize_t n = ::write(target_, output_ + output_at_, output_end_ - output_at_);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) return end(Value::record({{"how", Value::text("closed")}, {"errno", Value::number(errno)}}));
    output_at_ += static_cast<size_t>(n);
  }
}

Outcome Client::run() {
  while (!done_) {
    const bool writing = output_at_ < output_end_;
    const bool sending = typed_size_ > 0 || input_ended_;
    pollfd watched[] = {
        {writing && !sending ? -1 : socket_, static_cast<short>((writing ? 0 : POLLIN) | (sending ? POLLOUT : 0)), 0},
        {caught_signals(), POLLIN, 0},
        {sending ? -1 : input_, POLLIN, 0},
        {writing ? target_ : -1, POLLOUT, 0},
    };
    const int n = poll(watched, 4, -1);
    if (n < 0 && errno != EINTR) return refused("poll", errno);
    handle_signals();
    if (n < 0 || done_) continue;
    if (watched[3].revents != 0) write_output();
    if ((watched[0].revents & POLLOUT) != 0) send_input();
    if (!done_ && !writing && (watched[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) receive();
    if (!done_ && watched[2].revents != 0) read_input();
  }
  return end_;
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
  // The keeper sends no output before the subscription, therefore the first packet is the answer.
  if (n != sizeof answer || answer[0] != keeper::kHello) return refused("recv", ECONNRESET, path + "/attach");
  keeper::Hello hello;
  memcpy(&hello, answer + 1, sizeof hello);
  winsize size;
  if ((hello.flags & keeper::kTerminal) != 0 && (subscribe[1] & keeper::kWantsOutput) != 0) {
    // The caller may start the program only after this: the program then has the right size from its beginning.
    for (int fd : {STDERR_FILENO, STDOUT_FILENO, STDIN_FILENO}) {
      if (ioctl(fd, TIOCGWINSZ, &size) < 0) continue;
      send_size(socket.get(), size);
      break;
    }
  }
  return Value::number(socket.release());
}

Outcome awaitContainerEnd(const Arguments& a) {
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

Outcome attach(const Arguments& a) {
  Client client(a[0]);
  program_runs();
  Outcome end = client.run();
  program_ended();
  return end;
}

}  // namespace function

}  // namespace tsubo::binding
