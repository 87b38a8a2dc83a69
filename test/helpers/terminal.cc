// SPDX-License-Identifier: Apache-2.0

// The other side of a terminal, for test/oci/terminal.test.ts.
//
//   terminal receive SOCKET           listens on SOCKET, receives one descriptor, and is its terminal emulator
//   terminal pidfd SOCKET             listens on SOCKET, receives a pidfd, and sends SIGKILL through it at end of input
//   terminal run ROWS COLUMNS CMD...  runs the command in a session on a new terminal, and is its emulator
//
// An emulator forwards standard input to the terminal and prints its output. SIGWINCH makes the terminal
// one row and one column larger. On standard error: the received descriptor or the pid, then the end.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <thread>

namespace {

volatile sig_atomic_t resize = 0;

[[noreturn]] void fail(const char* what) {
  perror(what);
  exit(1);
}

// Writes standard input to the terminal until its end, in a separate thread: the write blocks if the program does not
// read.
void type(int master) {
  char buffer[4096];
  ssize_t n;
  while ((n = read(0, buffer, sizeof buffer)) > 0) {
    for (ssize_t done = 0; done < n;) {
      const ssize_t written = write(master, buffer + done, static_cast<size_t>(n - done));
      if (written < 0) fail("write to the terminal");
      done += written;
    }
  }
}

// Runs until the terminal hangs up, or it has no more output and `child` has ended.
int emulate(int master, pid_t child) {
  std::thread(type, master).detach();
  pollfd watched = {master, POLLIN, 0};
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
    const int ready = poll(&watched, 1, 20);
    if (ready < 0) continue;
    if (child > 0 && !ended) ended = waitpid(child, &status, WNOHANG) == child;
    char buffer[4096];
    if (watched.revents != 0) {
      const ssize_t n = read(master, buffer, sizeof buffer);
      if (n <= 0) return status;
      if (write(1, buffer, static_cast<size_t>(n)) < 0) fail("write");
    } else if (child > 0 && ended) {
      return status;
    }
  }
}

// Returns the descriptor of the one message that is sent to a socket of this path.
int received(const char* path, char (&text)[256]) {
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  // From its directory: the path may be longer than a socket address.
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
  int fd;
  memcpy(&fd, CMSG_DATA(sent), sizeof fd);
  return fd;
}

// Prints the process of the pidfd, from its fdinfo.
void pidfd(const char* path) {
  char text[256] = {}, line[256], name[64];
  const int fd = received(path, text);
  snprintf(name, sizeof name, "/proc/self/fdinfo/%d", fd);
  FILE* info = fopen(name, "r");
  int pid = -1;
  while (info != nullptr && fgets(line, sizeof line, info) != nullptr) sscanf(line, "Pid: %d", &pid);
  fprintf(stderr, "received %s %d\n", text, pid);
  while (read(0, line, sizeof line) > 0) {
  }
  if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, nullptr, 0) < 0) fail("pidfd_send_signal");
}

int receive(const char* path) {
  char text[256] = {};
  const int master = received(path, text);
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
  fprintf(stderr, "child %d\n", child);
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
  if (argc == 3 && strcmp(argv[1], "pidfd") == 0) {
    pidfd(argv[2]);
    return 0;
  }
  if (argc > 4 && strcmp(argv[1], "run") == 0) {
    return run(static_cast<unsigned short>(atoi(argv[2])), static_cast<unsigned short>(atoi(argv[3])), argv + 4);
  }
  return 2;
}
