// SPDX-License-Identifier: Apache-2.0

// A process of a container that listens to the traffic of others: counts the frames of any interface that contain a
// text. It prints `ready`, and when a frame contains the second text, the number.
// Usage: sniffer TEXT LAST

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int main(int count, char** args) {
  if (count != 3) return 2;
  const int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
  if (fd < 0) return 1;
  packet_mreq everything = {};
  everything.mr_ifindex = static_cast<int>(if_nametoindex("eth0"));
  everything.mr_type = PACKET_MR_PROMISC;
  if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &everything, sizeof everything) < 0) return 1;
  puts("ready");
  fflush(stdout);
  for (int seen = 0;;) {
    static char frame[65536];
    const ssize_t n = recv(fd, frame, sizeof frame, 0);
    if (n < 0) return 1;
    const auto contains = [&](const char* text) {
      return memmem(frame, static_cast<size_t>(n), text, strlen(text)) != nullptr;
    };
    if (contains(args[1])) seen++;
    if (contains(args[2])) return printf("%d\n", seen) < 0;
  }
}
