// SPDX-License-Identifier: Apache-2.0

// The other side of a terminal, for test/oci/terminal.test.ts.
//
//   terminal receive SOCKET           listens there, takes one descriptor, and is its terminal emulator
//   terminal run ROWS COLUMNS CMD...  runs the command in a session on a new terminal, and is its emulator
//
// An emulator passes standard input on to the terminal and prints what comes from there. SIGWINCH makes the terminal
// one row and one column larger. On standard error: what was received, then how it ended.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

namespace {

volatile sig_atomic_t resize = 0;

[[noreturn]] void fail(const char* what) {
  perror(what);
  exit(1);
}

// Until the terminal hangs up, or nothing comes from it any more and `child` has ended.
int emulate(int master, pid_t child) {
  struct pollfd watched[] = {{master, POLLIN, 0}, {0, POLLIN, 0}};
  bool ended = child <= 0;
  int status = 0;
  for (;;) {
    if (resize) {
      resize = 0;
      winsize size;
      ioctl(master, TIOCGWINSZ, &size);
      size.ws_row++;
      size.ws_col++;
      ioctl(master, TIOCSWINSZ, &size);
    }
    const int ready = poll(watched, 2, child > 0 ? 20 : -1);
    if (ready < 0) continue;
    if (child > 0 && !ended) ended = waitpid(child, &status, WNOHANG) == child;
    char buffer[4096];
    if (watched[0].revents != 0) {
      const ssize_t n = read(master, buffer, sizeof buffer);
      if (n <= 0) return status;
      if (write(1, buffer, static_cast<size_t>(n)) < 0) fail("write");
    } else if (child > 0 && ended) {
      return status;
    }
    if (watched[1].revents != 0) {
      const ssize_t n = read(0, buffer, sizeof buffer);
      if (n <= 0) {
        watched[1].fd = -1;
      } else if (write(master, buffer, static_cast<size_t>(n)) < 0) {
        fail("write to the terminal");
      }
    }
  }
}

int receive(const char* path) {
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  // From its directory: the path may be longer than an address.
  const char* name = strrchr(path, '/');
  char directory[4096] = {};
  memcpy(directory, path, static_cast<size_t>(name - path));
  if (chdir(directory) < 0) fail("chdir");
  strncpy(address.sun_path, name + 1, sizeof address.sun_path - 1);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) fail("bind");
  if (listen(listener, 1) < 0) fail("listen");
  fprintf(stderr, "listening\n");
  const int peer = accept(listener, nullptr, nullptr);
  if (peer < 0) fail("accept");
  char text[256] = {};
  iovec piece = {text, sizeof text - 1};
  alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
  msghdr message = {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (recvmsg(peer, &message, MSG_CMSG_CLOEXEC) < 0) fail("recvmsg");
  const cmsghdr* sent = CMSG_FIRSTHDR(&message);
  if (sent == nullptr || sent->cmsg_type != SCM_RIGHTS || sent->cmsg_len != CMSG_LEN(sizeof(int)))
    fail("one descriptor");
  int master;
  memcpy(&master, CMSG_DATA(sent), sizeof master);
  winsize size = {};
  if (ioctl(master, TIOCGWINSZ, &size) < 0) fail("TIOCGWINSZ");
  fprintf(stderr, "received %s %ux%u\n", text, size.ws_row, size.ws_col);
  emulate(master, 0);
  fprintf(stderr, "hangup\n");
  return 0;
}

int run(unsigned short rows, unsigned short columns, char** command) {
  const int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  char name[64];
  if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 || ptsname_r(master, name, sizeof name) != 0)
    fail("pty");
  const winsize size = {rows, columns, 0, 0};
  ioctl(master, TIOCSWINSZ, &size);
  const int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  termios before, after;
  tcgetattr(slave, &before);
  const pid_t child = fork();
  if (child == 0) {
    setsid();
    ioctl(slave, TIOCSCTTY, 0);
    for (int fd = 0; fd < 3; fd++) dup2(slave, fd);
    execvp(command[0], command);
    fail(command[0]);
  }
  const int status = emulate(master, child);
  tcgetattr(slave, &after);
  const bool restored = before.c_lflag == after.c_lflag && before.c_iflag == after.c_iflag &&
                        before.c_oflag == after.c_oflag && before.c_cflag == after.c_cflag;
  fprintf(stderr, "%s\n", restored ? "restored" : "not restored");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

int main(int argc, char** argv) {
  struct sigaction action = {};
  action.sa_handler = [](int) { resize = 1; };
  sigaction(SIGWINCH, &action, nullptr);
  if (argc == 3 && strcmp(argv[1], "receive") == 0) return receive(argv[2]);
  if (argc > 4 && strcmp(argv[1], "run") == 0) {
    return run(static_cast<unsigned short>(atoi(argv[2])), static_cast<unsigned short>(atoi(argv[3])), argv + 4);
  }
  return 2;
}
