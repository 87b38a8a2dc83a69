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

// How long a terminal that nobody has open is left alone: an init may open its console again and again.
constexpr int kVacantMs = 100;
// More than the kernel keeps of a terminal's output: what comes after it was not written by the program.
constexpr size_t kMostDrained = 256 << 10;

// Without these two nobody types and looks at the same time, and lines may go to a file: then the container's terminal
// leaves line ends alone, and the host's makes them what it needs, as with runc. With them the host's terminal shows
// each byte as it is, so that the container's is the only one that changes any.
bool interactive() { return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO); }

// The same pipe or terminal through a description of our own, whose reads and writes do not wait: the one that we were
// given belongs to others too. -1 where that cannot be; then poll's word is all there is.
int reopened(int fd, int flags) {
  struct stat at;
  if (fstat(fd, &at) < 0 || (!S_ISFIFO(at.st_mode) && !isatty(fd))) return -1;
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return ::open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

// ---- faults of our own must not leave a terminal without echo -------------------------------------------------------

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
  // Comes when this handler is left.
  raise(signal);
}

void take_signals() {
  struct sigaction action = {};
  action.sa_handler = on_fault;
  sigfillset(&action.sa_mask);
  for (size_t i = 0; i < sizeof kFaults / sizeof *kFaults; i++) sigaction(kFaults[i], &action, &before_fault[i]);
  action = {};
  // A reader that left is seen by the write.
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, &before_pipe);
  // In the background we are stopped as any program that wants to read from the terminal is.
  action.sa_handler = SIG_DFL;
  sigaction(SIGTTIN, &action, &before_in);
  sigaction(SIGTTOU, &action, &before_out);
}

void give_signals_back() {
  for (size_t i = 0; i < sizeof kFaults / sizeof *kFaults; i++) sigaction(kFaults[i], &before_fault[i], nullptr);
  sigaction(SIGPIPE, &before_pipe, nullptr);
  sigaction(SIGTTIN, &before_in, nullptr);
  sigaction(SIGTTOU, &before_out, nullptr);
}

// A change from the background does not stop us while this lives.
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
  take_signals();
  has_modes_ = tcgetattr(host, &before_) == 0;
  raw_ = before_;
  // Without a terminal as standard input nobody but the host's terminal reads the keys: ^C has to stay one.
  if (isatty(STDIN_FILENO)) cfmakeraw(&raw_);
  if (!interactive()) raw_.c_oflag = before_.c_oflag;
  enter_raw();
}

Proxy::~Proxy() {
  restore();
  give_signals_back();
}

bool Proxy::in_foreground() const {
  pid_t owner = tcgetpgrp(host_.get());
  // Not the terminal of our session: nobody's job control is in the way.
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
  // What a shell has set since it has the terminal back is the shell's.
  bool ours = in_foreground() || (tcgetattr(host_.get(), &now) == 0 && same(now, raw_));
  if (is_raw_ && ours) tcsetattr(host_.get(), TCSANOW, &before_);
  raw_terminal = -1;
  is_raw_ = false;
}

void Proxy::resize() {
  winsize size;
  // A terminal that has gone has no size; that is for SIGHUP to tell.
  if (master_.open() && ioctl(host_.get(), TIOCGWINSZ, &size) == 0) ioctl(master_.get(), TIOCSWINSZ, &size);
}

// A descriptor of which nothing is wanted is left out altogether: a hangup would be told again and again.
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

void Proxy::turn(const pollfd* watched) {
  if (vacant_) {
    pollfd again = {master_.get(), 0, 0};
    vacant_ = poll(&again, 1, 0) > 0 && (again.revents & POLLHUP) != 0;
  }
  if (watched[2].revents != 0) put_out();
  if ((watched[1].revents & POLLOUT) != 0) put_in();
  if ((watched[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && out_.empty()) take_out();
  if (watched[0].revents != 0) take_in();
}

void Proxy::take_in() {
  if (!is_raw_) enter_raw();
  ssize_t n = in_.fill(input_);
  if (would_wait(n)) return;
  // The end of what is typed is no end of the terminal: the program may go on.
  if (n <= 0) input_ = -1;
  if (n > 0) put_in();
}

void Proxy::put_in() {
  ssize_t n = in_.flush(master_.get());
  if (n < 0 && !would_wait(n)) in_.clear();
}

void Proxy::take_out() {
  ssize_t n = out_.fill(master_.get());
  if (n > 0) {
    put_out();
  } else if (!would_wait(n)) {
    vacant_ = true;
  }
}

void Proxy::put_out() {
  ssize_t n = out_.flush(output_, output_is_socket_);
  if (n < 0 && !would_wait(n)) {
    hang_up();
  } else if (draining_ && out_.empty()) {
    drain();
  }
}

// Nobody looks any more. The program is told as it would be by a terminal that was switched off.
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
