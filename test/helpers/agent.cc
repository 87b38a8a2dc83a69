// SPDX-License-Identifier: Apache-2.0

// A seccomp agent, for test/oci/seccomp-notify.test.ts.
//
//   agent SOCKET NUMBER=ERRNO...   listens on SOCKET, and answers calls with these numbers with these errors
//
// All other calls continue. Prints the message of each connection on one line, and each call that it answered.
// A socket name that begins with @ is in the abstract namespace.

#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

[[noreturn]] void fail(const char* what) {
  perror(what);
  exit(1);
}

int listen_at(const char* path) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  size_t length = strlen(path);
  memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';
  socklen_t size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) < 0) fail("bind");
  if (listen(fd, 10) < 0) fail("listen");
  return fd;
}

bool complete(const char* text, size_t length) {
  int depth = 0;
  for (size_t i = 0; i < length; i++) depth += text[i] == '{' ? 1 : text[i] == '}' ? -1 : 0;
  return length > 0 && depth == 0;
}

// Prints the message and returns the descriptor that was sent with it.
int receive(int socket) {
  int connection = accept(socket, nullptr, nullptr);
  if (connection < 0) fail("accept");
  static char text[1 << 20];
  size_t filled = 0;
  int fd = -1;
  for (;;) {
    iovec piece = {text + filled, sizeof text - filled};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    msghdr message = {};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t n = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
    if (n < 0) fail("recvmsg");
    cmsghdr* sent = CMSG_FIRSTHDR(&message);
    if (sent != nullptr && sent->cmsg_type == SCM_RIGHTS) memcpy(&fd, CMSG_DATA(sent), sizeof fd);
    filled += static_cast<size_t>(n);
    // runc 1.1 does not close its end.
    if (n == 0 || complete(text, filled)) break;
  }
  close(connection);
  printf("%.*s\n", static_cast<int>(filled), text);
  fflush(stdout);
  return fd;
}

// False after all processes under the filter have ended.
bool answer(int listener, int count, char** errors) {
  seccomp_notif call = {};
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0) return errno == EINTR || errno == ENOENT;
  seccomp_notif_resp response = {};
  response.id = call.id;
  response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  for (int i = 0; i < count; i++) {
    int number = 0, error = 0;
    if (sscanf(errors[i], "%d=%d", &number, &error) != 2 || number != call.data.nr) continue;
    response.flags = 0;
    response.error = -error;
    printf("answered %d\n", number);
    fflush(stdout);
  }
  ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  struct pollfd watched[32] = {{listen_at(argv[1]), POLLIN, 0}};
  nfds_t count = 1;
  fprintf(stderr, "listening\n");
  for (;;) {
    if (poll(watched, count, -1) < 0) continue;
    for (nfds_t i = count; i-- > 1;) {
      if (watched[i].revents == 0) continue;
      if ((watched[i].revents & POLLIN) != 0 && answer(watched[i].fd, argc - 2, argv + 2)) continue;
      close(watched[i].fd);
      watched[i] = watched[--count];
    }
    if ((watched[0].revents & POLLIN) != 0 && count < sizeof watched / sizeof *watched) {
      watched[count++] = {receive(watched[0].fd), POLLIN, 0};
    }
  }
}
