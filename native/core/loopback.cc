// SPDX-License-Identifier: Apache-2.0
#include <linux/sockios.h>

#include "core/context.h"
#include "core/kernel.h"

namespace tsubo {

namespace {

// The kernel's struct ifreq: linux/if.h includes a header of the C library.
struct InterfaceRequest {
  char name[16];
  int16_t flags;
  char rest[22];
};

}  // namespace

Result run(Context& c, const wire::step::raiseLoopback&) {
  // The old flags need not be read, because the namespace is new.
  InterfaceRequest request = {"lo", IFF_UP, {}};
  c.about("lo");
  UniqueFd socket;
  long fd = sys::call(__NR_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (Result r = take(&socket, "socket", fd); !r.ok()) return r;
  return check("ioctl", sys::call(__NR_ioctl, socket.get(), SIOCSIFFLAGS, sys::arg(&request)));
}

}  // namespace tsubo
