// SPDX-License-Identifier: Apache-2.0

// The two ends of sd_notify(3), for test/oci/notify.test.ts.
//
//   notify listen PATH    a service manager: prints each datagram on one line, with the sender's pid
//   notify send TEXT...   a program of a container: sends each text to NOTIFY_SOCKET
//
// A path that begins with @ is in the abstract namespace.

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

[[noreturn]] void fail(const char* what) {
  perror(what);
  exit(1);
}

socklen_t address_of(const char* path, sockaddr_un* address) {
  *address = {};
  address->sun_family = AF_UNIX;
  const size_t length = strlen(path);
  if (length >= sizeof address->sun_path) exit(2);
  memcpy(address->sun_path, path, length);
  if (path[0] == '@') address->sun_path[0] = '\0';
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
}

void print(const char* text, size_t length) {
  for (size_t i = 0; i < length; i++) putchar(text[i] == '\n' ? ' ' : text[i]);
}

[[noreturn]] void listen_at(const char* path) {
  sockaddr_un address;
  const socklen_t length = address_of(path, &address);
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), length) < 0) fail("bind");
  fputs("listening\n", stderr);
  for (;;) {
    char text[4096];
    iovec piece = {text, sizeof text};
    alignas(cmsghdr) char control[256];
    msghdr message = {};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    if (n < 0) fail("recvmsg");
    print(text, static_cast<size_t>(n));
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
      if (part->cmsg_type == SCM_CREDENTIALS) {
        ucred sender;
        memcpy(&sender, CMSG_DATA(part), sizeof sender);
        printf(" from %d", sender.pid);
      } else if (part->cmsg_type == SCM_RIGHTS) {
        int passed;
        memcpy(&passed, CMSG_DATA(part), sizeof passed);
        close(passed);
        printf(" with a descriptor");
      }
    }
    putchar('\n');
    fflush(stdout);
  }
}

void send_to(const char* path, const char* text) {
  sockaddr_un address;
  const socklen_t length = address_of(path, &address);
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (sendto(fd, text, strlen(text), 0, reinterpret_cast<sockaddr*>(&address), length) < 0) fail("sendto");
  close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && strcmp(argv[1], "listen") == 0) listen_at(argv[2]);
  const char* path = getenv("NOTIFY_SOCKET");
  if (argc < 3 || path == nullptr) return 2;
  for (int i = 2; i < argc; i++) send_to(path, argv[i]);
  return 0;
}
