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

#include "binding/interrupt.h"
#include "binding/pass_descriptor.h"
#include "binding/short_lived.h"
#include "binding/table.h"
#include "core/fd.h"
#include "core/signals.h"
#include "core/syscall.h"

extern char** environ;

namespace tsubo::binding {

namespace {

// The socket in the program; the descriptors of `fds` follow it.
constexpr int kSocket = 3;

// The data of the child, prepared before vfork because the child runs on the runtime's memory.
struct Peer {
  const char* path;
  char* const* args;
  // Opened cgroup.procs of the cgroup that the program enters, or -1.
  int cgroup;
  // A detached mount that becomes visible at `mountpoint`, for the program alone; -1 for none.
  int tree;
  const char* mountpoint;
  // Name of the program's session keyring; empty keeps that of the runtime.
  const char* keyring;
  const int* fds;
  size_t count;
  const char* volatile call;
  volatile int error;
};

[[noreturn]] void fail(Peer& peer, const char* call, long result) {
  peer.call = call;
  peer.error = static_cast<int>(-result);
  sys::exit(127);
}

void require(Peer& peer, const char* call, long result) {
  if (result < 0) fail(peer, call, result);
}

// No C library from here to the exec, because the child shares its state with the parent.
[[noreturn, gnu::noinline]] void exec_peer(Peer& peer) {
  for (int signal = 1; signal <= 64; signal++) {
    // The actions of SIGKILL and SIGSTOP cannot be changed.
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    require(peer, "rt_sigaction", reset_signal(signal));
  }
  if (peer.cgroup >= 0) require(peer, "write", sys::call(__NR_write, peer.cgroup, sys::arg("0"), 1));
  if (peer.tree >= 0) {
    require(peer, "unshare", sys::call(__NR_unshare, CLONE_NEWNS));
    // The mount must not appear on the machine; it disappears with the last process of the namespace.
    require(peer, "mount", sys::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr));
    require(peer, "move_mount", sys::move_mount(peer.tree, "", AT_FDCWD, peer.mountpoint, MOVE_MOUNT_F_EMPTY_PATH));
  }
  if (peer.keyring[0] != '\0') {
    const long key = sys::call(__NR_keyctl, KEYCTL_JOIN_SESSION_KEYRING, sys::arg(peer.keyring));
    if (key != -ENOSYS) require(peer, "keyctl", key);
  }
  for (size_t i = 0; i < peer.count; i++) {
    require(peer, "dup3", sys::call(__NR_dup3, peer.fds[i], kSocket + static_cast<int>(i), 0));
  }
  require(peer, "close_range", sys::close_range(kSocket + static_cast<unsigned>(peer.count), ~0u, 0));
  // Node sets close-on-exec on its standard streams. The caller may have closed one: EBADF.
  for (int fd = 0; fd < kSocket; fd++) {
    if (long set = sys::call(__NR_fcntl, fd, F_SETFD, 0); set != -EBADF) require(peer, "fcntl", set);
  }
  uint64_t none = 0;
  require(peer, "rt_sigprocmask", sys::call(__NR_rt_sigprocmask, SIG_SETMASK, sys::arg(&none), 0, 8));
  fail(peer, "execve", sys::call(__NR_execve, sys::arg(peer.path), sys::arg(peer.args), sys::arg(environ)));
}

// The caller of `vfork` contains nothing else, because `vfork` returns twice in the same stack frame.
__attribute__((noinline)) pid_t spawn_peer(Peer* peer) {
  pid_t pid = vfork();
  if (pid == 0) exec_peer(*peer);
  return pid;
}

}  // namespace

namespace function {

Outcome startPeer(const Arguments& a) {
  const Value& r = a[0];
  const std::string& path = r.field("path").text();
  std::vector<char*> args;
  for (const Value& item : r.field("args").items()) args.push_back(const_cast<char*>(item.text().c_str()));
  args.push_back(nullptr);
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return refused("socketpair", errno);
  UniqueFd near(ends[0]), far(ends[1]);

  // Above the descriptors that the child gets with dup3, which would close them before their use.
  std::vector<int> fds = {far.get()};
  for (const Value& fd : r.field("fds").items()) fds.push_back(static_cast<int>(fd.number()));
  std::vector<UniqueFd> moved;
  const int highest = kSocket + static_cast<int>(fds.size());
  for (int& fd : fds) {
    moved.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, highest));
    if (!moved.back().open()) return refused("fcntl", errno);
    fd = moved.back().get();
  }
  const auto number = [&](const char* name) {
    const Value& value = r.field(name);
    return value.is_undefined() ? -1 : static_cast<int>(value.number());
  };
  Peer peer = {path.c_str(),
               args.data(),
               number("cgroup"),
               number("tree"),
               r.field("mountpoint").text().c_str(),
               r.field("keyring").text().c_str(),
               fds.data(),
               fds.size(),
               nullptr,
               0};
  // A handler of the runtime must not run in the child, on the shared memory.
  uint64_t all = ~0ull, before = 0;
  if (long blocked = sys::call(__NR_rt_sigprocmask, SIG_SETMASK, sys::arg(&all), sys::arg(&before), 8); blocked < 0)
    return refused("rt_sigprocmask", static_cast<int>(-blocked));
  const pid_t pid = spawn_peer(&peer);
  const int vfork_error = errno;
  // This cannot fail: the same call has just succeeded.
  sys::unchecked(sys::call(__NR_rt_sigprocmask, SIG_SETMASK, sys::arg(&before), 0, 8));
  if (pid < 0) return refused("vfork", vfork_error);
  if (peer.error != 0) {
    await_end(pid, Zombie::reap);
    return refused(peer.call, peer.error, path);
  }
  const long pidfd = syscall(SYS_pidfd_open, pid, 0);
  if (pidfd < 0) {
    const int error = errno;
    kill(pid, SIGKILL);
    await_end(pid, Zombie::reap);
    return refused("pidfd_open", error);
  }
  return Value::record(
      {{"pid", Value::number(pid)}, {"pidfd", Value::number(pidfd)}, {"socket", Value::number(near.release())}});
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
