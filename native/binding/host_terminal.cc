// SPDX-License-Identifier: Apache-2.0
#include "binding/host_terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tsubo::binding {

namespace {

// A fault of the runtime restores the modes of the host's terminal before the process ends.
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

}  // namespace

bool interactive() { return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO); }

int reopened(int fd, int flags) {
  struct stat at;
  if (fstat(fd, &at) < 0 || (!S_ISFIFO(at.st_mode) && !isatty(fd))) return -1;
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return ::open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

HostTerminal::HostTerminal(int fd) : fd_(fd) {
  install_handlers();
  has_modes_ = tcgetattr(fd, &before_) == 0;
  raw_ = before_;
  // If standard input is not a terminal, only the host's terminal interprets keys: ^C must keep its effect.
  if (isatty(STDIN_FILENO)) cfmakeraw(&raw_);
  if (!interactive()) raw_.c_oflag = before_.c_oflag;
  enter_raw();
}

HostTerminal::~HostTerminal() {
  restore();
  restore_handlers();
}

bool HostTerminal::in_foreground() const {
  pid_t owner = tcgetpgrp(fd_.get());
  // The terminal does not belong to the runtime's session: job control does not apply.
  return owner < 0 || owner == getpgrp();
}

void HostTerminal::enter_raw() {
  if (!has_modes_ || !in_foreground()) return;
  cooked = before_;
  raw_terminal = fd_.get();
  is_raw_ = tcsetattr(fd_.get(), TCSANOW, &raw_) == 0;
}

void HostTerminal::restore() {
  termios now;
  WithoutStop quiet;
  // A shell that has the terminal back may have changed the modes: keep its changes.
  bool may_restore = in_foreground() || (tcgetattr(fd_.get(), &now) == 0 && same(now, raw_));
  if (is_raw_ && may_restore) tcsetattr(fd_.get(), TCSANOW, &before_);
  raw_terminal = -1;
  is_raw_ = false;
}

}  // namespace tsubo::binding
