// SPDX-License-Identifier: Apache-2.0
#include "binding/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tsubo::binding {

namespace {

// The time for which a terminal without an open slave is not polled: an init may close and open its console repeatedly.
constexpr int kVacantMs = 100;
// More than the kernel buffers for a terminal: any output beyond it was not written by the program.
constexpr size_t kMostDrained = 256 << 10;

// If standard input or output is not a terminal, the output may go to a file. The container's terminal then leaves line
// ends unchanged, and the host's terminal converts them; runc does the same. If both are terminals, the host's terminal
// is raw and only the container's changes bytes.
bool interactive() { return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO); }

// Opens the same pipe or terminal again, for non-blocking I/O: other processes share the inherited file description.
// Returns -1 if that is impossible; the caller then relies on poll alone.
int reopened(int fd, int flags) {
  struct stat at;
  if (fstat(fd, &at) < 0 || (!S_ISFIFO(at.st_mode) && !isatty(fd))) return -1;
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return ::open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

// ---- restore the host's terminal when the runtime crashes -----------------------------------------------------------

constexpr int kFaults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
struct sigaction before_fault[sizeof kFaults / sizeof *kFaults];
struct sigaction before_pipe, before_in, before_out;
volatile sig_atomic_t raw_terminal = -1;
termios cooked;

void on_fault(int signal) {
  if (raw_terminal >= 0) tcsetattr(raw_terminal, TCSANOW, &cooked);
  for (size_t i = 0; i < sizeof kFaults / sizeof *kFaults; i++) {
    if (kFaults[i] == signal) sigaction(signal, &before_fault[i], nullptr);
  }
  // The signal is delivered when this handler returns.
  raise(signal);
}

void install_handlers() {
  struct sigaction action = {};
  action.sa_handler = on_fault;
  sigfillset(&action.sa_mask);
  for (size_t i = 0; i < sizeof kFaults / sizeof *kFaults; i++) sigaction(kFaults[i], &action, &before_fault[i]);
  action = {};
  // A closed reader is reported by write (EPIPE).
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, &before_pipe);
  // In the background the runtime is stopped, like any program that reads from the terminal.
  action.sa_handler = SIG_DFL;
  sigaction(SIGTTIN, &action, &before_in);
  sigaction(SIGTTOU, &action, &before_out);
}

void restore_handlers() {
  for (size_t i = 0; i < sizeof kFaults / sizeof *kFaults; i++) sigaction(kFaults[i], &before_fault[i], nullptr);
  sigaction(SIGPIPE, &before_pipe, nullptr);
  sigaction(SIGTTIN, &before_in, nullptr);
  sigaction(SIGTTOU, &before_out, nullptr);
}

// During its lifetime a change of the terminal from the background does not stop the runtime.
class WithoutStop {
 public:
  WithoutStop() {
    sigset_t out;
    sigemptyset(&out);
    sigaddset(&out, SIGTTOU);
    sigprocmask(SIG_BLOCK, &out, &before_);
  }
  ~WithoutStop() { sigprocmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

bool same(const termios& a, const termios& b) {
  return a.c_iflag == b.c_iflag && a.c_oflag == b.c_oflag && a.c_cflag == b.c_cflag && a.c_lflag == b.c_lflag;
}

bool would_wait(ssize_t n) { return n < 0 && (errno == EAGAIN || errno == EINTR); }

}  // namespace

ssize_t Pending::fill(int fd) {
  ssize_t n = ::read(fd, bytes_, sizeof bytes_);
  begin_ = 0;
  end_ = n > 0 ? static_cast<size_t>(n) : 0;
  return n;
}

ssize_t Pending::flush(int fd, bool socket) {
  const char* from = bytes_ + begin_;
  const size_t left = end_ - begin_;
  ssize_t n = socket ? ::send(fd, from, left, MSG_DONTWAIT | MSG_NOSIGNAL) : ::write(fd, from, left);
  if (n > 0) begin_ += static_cast<size_t>(n);
  return n;
}

const char* prepare_master(int master, int host, bool copy_size) {
  if (fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK) < 0) return "fcntl";
  if (!interactive()) {
    termios modes;
    if (tcgetattr(master, &modes) < 0) return "ioctl";
    modes.c_oflag &= ~static_cast<tcflag_t>(ONLCR);
    if (tcsetattr(master, TCSANOW, &modes) < 0) return "ioctl";
  }
  winsize size;
  if (copy_size && ioctl(host, TIOCGWINSZ, &size) == 0) ioctl(master, TIOCSWINSZ, &size);
  return nullptr;
}

Proxy::Proxy(int master, int host)
    : master_(master),
      host_(host),
      own_input_(reopened(STDIN_FILENO, O_RDONLY)),
      own_output_(reopened(STDOUT_FILENO, O_WRONLY)),
      input_(own_input_.open() ? own_input_.get() : STDIN_FILENO),
      output_(own_output_.open() ? own_output_.get() : STDOUT_FILENO) {
  struct stat at;
  output_is_socket_ = fstat(output_, &at) == 0 && S_ISSOCK(at.st_mode);
  install_handlers();
  has_modes_ = tcgetattr(host, &before_) == 0;
  raw_ = before_;
  // If standard input is not a terminal, only the host's terminal interprets keys: ^C must keep its effect.
  if (isatty(STDIN_FILENO)) cfmakeraw(&raw_);
  if (!interactive()) raw_.c_oflag = before_.c_oflag;
  enter_raw();
}

Proxy::~Proxy() {
  restore();
  restore_handlers();
}

bool Proxy::in_foreground() const {
  pid_t owner = tcgetpgrp(host_.get());
  // The terminal does not belong to the runtime's session: job control does not apply.
  return owner < 0 || owner == getpgrp();
}

void Proxy::enter_raw() {
  if (!has_modes_ || !in_foreground()) return;
  cooked = before_;
  raw_terminal = host_.get();
  is_raw_ = tcsetattr(host_.get(), TCSANOW, &raw_) == 0;
}

void Proxy::restore() {
  termios now;
  WithoutStop quiet;
  // A shell that has the terminal back may have changed the modes: keep its changes.
  bool may_restore = in_foreground() || (tcgetattr(host_.get(), &now) == 0 && same(now, raw_));
  if (is_raw_ && may_restore) tcsetattr(host_.get(), TCSANOW, &before_);
  raw_terminal = -1;
  is_raw_ = false;
}

void Proxy::resize() {
  winsize size;
  // A terminal that was closed has no size; SIGHUP handles that.
  if (master_.open() && ioctl(host_.get(), TIOCGWINSZ, &size) == 0) ioctl(master_.get(), TIOCSWINSZ, &size);
}

// A descriptor without wanted events is left out: poll would report its hangup repeatedly.
int Proxy::watch(pollfd* watched) const {
  bool open = master_.open() && !vacant_;
  bool wants_input = open && !draining_ && in_.empty();
  short events = 0;
  if (open && out_.empty()) events |= POLLIN;
  if (open && !in_.empty()) events |= POLLOUT;
  watched[0] = {wants_input ? input_ : -1, POLLIN, 0};
  watched[1] = {events == 0 ? -1 : master_.get(), events, 0};
  watched[2] = {out_.empty() ? -1 : output_, POLLOUT, 0};
  return master_.open() && vacant_ ? kVacantMs : -1;
}

void Proxy::handle(const pollfd* watched) {
  if (vacant_) {
    pollfd again = {master_.get(), 0, 0};
    vacant_ = poll(&again, 1, 0) > 0 && (again.revents & POLLHUP) != 0;
  }
  if (watched[2].revents != 0) write_output();
  if ((watched[1].revents & POLLOUT) != 0) write_input();
  if ((watched[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && out_.empty()) read_output();
  if (watched[0].revents != 0) read_input();
}

void Proxy::read_input() {
  if (!is_raw_) enter_raw();
  ssize_t n = in_.fill(input_);
  if (would_wait(n)) return;
  // End of file on standard input does not close the terminal: the program may continue.
  if (n <= 0) input_ = -1;
  if (n > 0) write_input();
}

void Proxy::write_input() {
  ssize_t n = in_.flush(master_.get());
  if (n < 0 && !would_wait(n)) in_.clear();
}

void Proxy::read_output() {
  ssize_t n = out_.fill(master_.get());
  if (n > 0) {
    write_output();
  } else if (!would_wait(n)) {
    vacant_ = true;
  }
}

void Proxy::write_output() {
  ssize_t n = out_.flush(output_, output_is_socket_);
  if (n < 0 && !would_wait(n)) {
    hang_up();
  } else if (draining_ && out_.empty()) {
    drain();
  }
}

// The reader has closed. Closing the master sends the program a hangup, as if the terminal was switched off.
void Proxy::hang_up() {
  in_.clear();
  out_.clear();
  master_.reset();
}

void Proxy::drain() {
  draining_ = true;
  in_.clear();
  vacant_ = false;
  while (master_.open() && out_.empty()) {
    if (drained_bytes_ >= kMostDrained) return master_.reset();
    ssize_t n = out_.fill(master_.get());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return master_.reset();
    drained_bytes_ += static_cast<size_t>(n);
    ssize_t written = out_.flush(output_, output_is_socket_);
    if (written < 0 && !would_wait(written)) return hang_up();
  }
}

void Proxy::abandon() { hang_up(); }

}  // namespace tsubo::binding
