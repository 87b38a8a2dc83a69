// SPDX-License-Identifier: Apache-2.0
//
// Packets of two clients of the keeper, and output that it sends to them. Each client receives whole packets.
#include <linux/un.h>
#include <stdlib.h>

#include "bytes.h"
#include "core/kernel.h"
#include "core/syscall.h"
#include "keeper/clients.h"

using namespace tsubo;
using namespace tsubo::keeper;

namespace {

struct Table {
  Clients clients;
  int epoll = -1;
};

// Packets that wait for the client; each has one of the known kinds.
void drain(int client) {
  unsigned char packet[64 << 10];
  while (true) {
    const long n = sys::call(__NR_recvfrom, client, sys::arg(packet), sizeof packet, MSG_DONTWAIT, 0, 0);
    if (n <= 0) return;
    if (packet[0] != kHello && packet[0] != kOutput && packet[0] != kError && packet[0] != kExit) abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Table* table = nullptr;
  static int listener = -1;
  static sockaddr_un name = {AF_UNIX, {}};
  static int name_bytes = sizeof name;
  if (table == nullptr) {
    table = new Table;
    table->epoll = static_cast<int>(sys::call(__NR_epoll_create1, 0));
    if (table->clients.open(table->epoll, Hello{0, 1}) < 0) abort();
    listener = static_cast<int>(sys::call(__NR_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0));
    // With the length of the family alone, the kernel chooses a name that is not a file.
    if (sys::call(__NR_bind, listener, sys::arg(&name), sizeof name.sun_family) < 0) abort();
    if (sys::call(__NR_listen, listener, 8) < 0) abort();
    if (sys::call(__NR_getsockname, listener, sys::arg(&name), sys::arg(&name_bytes)) < 0) abort();
  }
  Clients& clients = table->clients;
  int sockets[2];
  for (int& fd : sockets) {
    fd = static_cast<int>(sys::call(__NR_socket, AF_UNIX, SOCK_SEQPACKET, 0));
    if (sys::call(__NR_connect, fd, sys::arg(&name), name_bytes) < 0) abort();
  }
  clients.accept(listener);
  fuzz::Bytes bytes(data, size);
  while (bytes.left() > 0) {
    const uint8_t what = bytes.byte();
    const int client = sockets[what & 1];
    unsigned char packet[300];
    size_t n = 0;
    switch (what >> 1 & 7) {
      case 0:
      case 1:
      case 2:
        packet[0] = "aicrx"[what >> 4 & 3];
        n = 1 + bytes.copy(packet + 1, bytes.byte());
        if (client >= 0) {
          sys::unchecked(sys::call(__NR_sendto, client, sys::arg(packet), static_cast<long>(n),
                                   MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0));
        }
        for (uint32_t i = 0; i < Clients::kMost; i++) {
          const Received received = clients.receive(i);
          if (received.size > kMostInput) abort();
          // AddressSanitizer reports a byte outside the packet.
          for (size_t k = 0; k < received.size; k++) n += received.data[k];
        }
        break;
      case 3:
      case 4: {
        const size_t length = bytes.byte() * 129u;
        unsigned char* to = clients.place(length);
        if (to == nullptr) break;
        memset(to, what, length);
        clients.commit(what & 16 ? kOutput : kError, length);
        break;
      }
      case 5:
        for (uint32_t i = 0; i < Clients::kMost; i++) clients.flush(i);
        break;
      case 6:
        clients.hold_input((what & 16) != 0);
        break;
      default:
        if (client >= 0 && (what & 16) != 0) {
          sys::close(client);
          sockets[what & 1] = -1;
        } else if (client >= 0) {
          drain(client);
        }
    }
  }
  if (clients.any()) clients.finish(Exit{1, 0, 0, 0});
  for (int fd : sockets) {
    if (fd < 0) continue;
    drain(fd);
    sys::close(fd);
  }
  // The end of each connection is seen, and the store is empty again.
  for (uint32_t i = 0; i < Clients::kMost; i++) {
    while (clients.receive(i).kind != 0) {
    }
    clients.receive(i);
  }
  if (clients.any() || !clients.idle()) abort();
  return 0;
}
