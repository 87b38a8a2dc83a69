// SPDX-License-Identifier: Apache-2.0
//
// A program of the machine that exchanges messages with the runtime over a socket, its descriptor 3. It continues after
// the runtime has died, because it has to undo its work then.
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "binding/host_program.h"
#include "binding/interrupt.h"
#include "binding/pass_descriptor.h"
#include "binding/short_lived.h"
#include "binding/table.h"
#include "core/fd.h"
#include "core/syscall.h"

namespace tsubo::binding {

namespace {

// The socket in the program; the descriptors of `fds` follow it.
constexpr int kSocket = 3;

// Changes of the child before its exec.
struct Preparation {
  // Opened cgroup.procs of the cgroup that the program enters, or -1.
  int cgroup;
  // A detached mount that becomes visible at `mountpoint`, for the program alone; -1 for none.
  int tree;
  const char* mountpoint;
  // Name of the program's session keyring; empty keeps that of the runtime.
  const char* keyring;
};

long prepare_peer(const void* data, const char** call) {
  const Preparation& p = *static_cast<const Preparation*>(data);
  long r = 0;
  const auto done = [&](const char* name, long result) {
    *call = name;
    r = result;
    return r >= 0;
  };
  if (p.cgroup >= 0 && !done("write", sys::call(__NR_write, p.cgroup, sys::arg("0"), 1))) return r;
  if (p.tree >= 0) {
    if (!done("unshare", sys::call(__NR_unshare, CLONE_NEWNS))) return r;
    // The mount must not appear on the machine; it disappears with the last process of the namespace.
    if (!done("mount", sys::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr))) return r;
    if (!done("move_mount", sys::move_mount(p.tree, "", AT_FDCWD, p.mountpoint, MOVE_MOUNT_F_EMPTY_PATH))) return r;
  }
  if (p.keyring[0] != '\0') {
    const long key = sys::call(__NR_keyctl, KEYCTL_JOIN_SESSION_KEYRING, sys::arg(p.keyring));
    // ENOSYS: a kernel without keyrings has none that the program could share.
    if (key != -ENOSYS && !done("keyctl", key)) return r;
  }
  return 0;
}

}  // namespace

namespace function {

Outcome startPeer(const Arguments& a) {
  const Value& r = a[0];
  std::vector<char*> args = exec_array(r.field("args").items());
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return refused("socketpair", errno);
  UniqueFd near(ends[0]), far(ends[1]);
  const auto number = [&](const char* name) {
    const Value& value = r.field(name);
    return value.is_undefined() ? -1 : static_cast<int>(value.number());
  };
  const Preparation preparation = {number("cgroup"), number("tree"), r.field("mountpoint").text().c_str(),
                                   r.field("keyring").text().c_str()};
  HostProgram program = {.path = r.field("path").text().c_str(), .args = args.data()};
  program.first = kSocket;
  program.fds = {far.get()};
  for (const Value& fd : r.field("fds").items()) program.fds.push_back(static_cast<int>(fd.number()));
  program.dies_with_runtime = false;
  program.prepare = prepare_peer;
  program.data = &preparation;
  SpawnedProgram spawned;
  if (Outcome failure = spawn(program, &spawned); failure.error != 0) return failure;
  return Value::record({{"pid", Value::number(spawned.pid)},
                        {"pidfd", Value::number(spawned.pidfd.release())},
                        {"socket", Value::number(near.release())}});
}

Outcome receiveMessage(const Arguments& a) {
  const int socket = static_cast<int>(a[0].number());
  // Longer than each message that the kernel accepts on a socket with the default size of its buffer.
  std::string buffer(256 << 10, '\0');
  UniqueFd fd;
  int flags = 0;
  const ssize_t n = receive_with_descriptor(socket, buffer.data(), buffer.size(), &fd, &flags);
  if (n < 0) return refused("recvmsg", errno);
  if ((flags & MSG_TRUNC) != 0) return refused("recvmsg", EMSGSIZE);
  buffer.resize(static_cast<size_t>(n));
  Fields fields = {{"bytes", Value::owned_bytes(std::move(buffer))}};
  if (fd.open()) fields.emplace_back("fd", Value::number(fd.release()));
  return Value::record(std::move(fields));
}

Outcome raiseLoopback(const Arguments& a) {
  const int network = static_cast<int>(a[0].number());
  // The result of the child; the memory is shared.
  volatile int error = 0;
  const long pid = in_child(CLONE_VM | CLONE_FILES, [&] {
    long r = sys::call(__NR_setns, network, CLONE_NEWNET);
    if (r >= 0) r = sys::call(__NR_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (r >= 0) {
      UniqueFd socket(r);
      ifreq request = {};
      request.ifr_name[0] = 'l';
      request.ifr_name[1] = 'o';
      request.ifr_flags = IFF_UP;
      r = sys::call(__NR_ioctl, socket.get(), SIOCSIFFLAGS, sys::arg(&request));
    }
    if (r < 0) error = static_cast<int>(-r);
  });
  if (pid < 0) return refused("clone3", static_cast<int>(-pid));
  await_end(pid, Zombie::reap);
  return error == 0 ? Outcome() : refused("ioctl", error, "lo");
}

}  // namespace function

}  // namespace tsubo::binding
