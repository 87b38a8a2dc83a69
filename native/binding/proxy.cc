// SPDX-License-Identifier: Apache-2.0
#include "binding/proxy.h"

#include <errno.h>
#include <fcntl.h>
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
}

void Proxy::resize() {
  winsize size;
  if (master_.open() && host_.size(&size)) ioctl(master_.get(), TIOCSWINSZ, &size);
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
  if (!host_.is_raw()) enter_raw();
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

// The reader has closed the output. Closing the master sends the program a hangup, like the end of a connection.
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
