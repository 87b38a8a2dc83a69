// SPDX-License-Identifier: Apache-2.0
//
// Joining an existing pid namespace. Its processes may trace the init (CAP_SYS_PTRACE overrides the dumpable flag) and
// would reach the host's root in /proc/PID/root. Therefore the init joins it only after it has entered the container's
// root.
#include "core/pid_namespace.h"

#include <asm/signal.h>
#include <asm/socket.h>
#include <linux/errno.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include "core/clone_init.h"
#include "core/kernel.h"
#include "core/message.h"

namespace tsubo {

namespace {

using message::OneDescriptor;
using message::Piece;

// The result of the procfs mount; the descriptor is passed beside it.
struct Answer {
  int32_t error;
  uint32_t item;
  char syscall[28];
  char detail[960];
};

void send_answer(Context& c, int socket, const Result& result, int mount) {
  Answer sent = {};
  sent.error = result.error;
  sent.item = c.item;
  for (size_t i = 0; result.syscall[i] != '\0' && i < sizeof sent.syscall - 1; i++) sent.syscall[i] = result.syscall[i];
  for (size_t i = 0; i < c.detail.size() && i < sizeof sent.detail - 1; i++) sent.detail[i] = c.detail.c_str()[i];
  Piece piece = {&sent, sizeof sent};
  OneDescriptor control = {message::kOneDescriptorBytes, SOL_SOCKET, SCM_RIGHTS, {mount}};
  message::Header header = {nullptr, 0, &piece, 1, nullptr, 0, 0};
  if (mount >= 0) header.control = &control, header.control_bytes = sizeof control;
  // If the send fails, the receiver gets end of file instead.
  sys::unchecked(sys::call(__NR_sendmsg, socket, sys::arg(&header), MSG_NOSIGNAL));
}

// Runs in the pid namespace, with the container's root as its root and no descriptor but the socket and the standard
// streams.
[[noreturn]] void make_inside(Context& c, int socket, const mounts::NewFilesystem& wanted) {
  UniqueFd mount;
  Result r = mounts::make_filesystem(c, wanted, &mount);
  send_answer(c, socket, r, mount.get());
  sys::exit(0);
}

// Enters the container's root and the pid namespace, and closes all other descriptors.
long leave_host(Context& c, int socket) {
  if (long r = sys::prctl(PR_SET_PDEATHSIG, SIGKILL); r < 0) return r;
  if (long r = sys::fchdir(c.root); r < 0) return r;
  if (long r = sys::call(__NR_chroot, sys::arg(".")); r < 0) return r;
  int ns = c.slots[c.pid_namespace];
  if (long r = sys::call(__NR_setns, ns, CLONE_NEWPID); r < 0) return r;
  // The standard streams stay open, because they belong to the container.
  auto kept = static_cast<unsigned>(socket);
  if (kept > 3) {
    if (long r = sys::close_range(3, kept - 1, 0); r < 0) return r;
  }
  return sys::close_range(kept + 1, ~0u, 0);
}

// A child that drops the host's root and descriptors and then clones the process that enters the namespace.
[[noreturn]] void make_from_outside(Context& c, int socket, const mounts::NewFilesystem& wanted) {
  if (long r = leave_host(c, socket); r < 0) {
    send_answer(c, socket, check("setns", r), -1);
    sys::exit(1);
  }
  clone_args args = {};
  args.exit_signal = SIGCHLD;
  long pid = sys::call(__NR_clone3, sys::arg(&args), sizeof args);
  if (pid == 0) make_inside(c, socket, wanted);
  if (pid < 0) send_answer(c, socket, check("clone3", pid), -1);
  // If the wait fails, this process exits before its child.
  if (pid > 0) sys::unchecked(sys::call(__NR_waitid, P_PID, pid, 0, WEXITED, 0));
  sys::exit(0);
}

Result take_answer(Context& c, int socket, UniqueFd* mount) {
  static Answer sent;
  Piece piece = {&sent, sizeof sent};
  OneDescriptor control = {};
  message::Header header = {nullptr, 0, &piece, 1, &control, sizeof control, 0};
  long n = sys::call(__NR_recvmsg, socket, sys::arg(&header), MSG_CMSG_CLOEXEC);
  if (n < 0) return check("recvmsg", n);
  // The child was killed.
  if (n != sizeof sent) return {ESRCH, "recvmsg"};
  if (sent.error != 0) {
    c.about(sent.detail);
    c.item = sent.item;
    return {sent.error, sent.syscall};
  }
  if (control.type != SCM_RIGHTS) return {EBADF, "recvmsg"};
  mount->reset(control.fds[0]);
  return {};
}

}  // namespace

Result mounts::make_in_pid_namespace(Context& c, const NewFilesystem& wanted, UniqueFd* mount) {
  int pair[2];
  long made = sys::call(__NR_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sys::arg(pair));
  if (made < 0) return check("socketpair", made);
  UniqueFd own_end(pair[0]), helper_end(pair[1]);
  clone_args args = {};
  args.exit_signal = SIGCHLD;
  long pid = sys::call(__NR_clone3, sys::arg(&args), sizeof args);
  if (pid < 0) return check("clone3", pid);
  if (pid == 0) make_from_outside(c, helper_end.get(), wanted);
  helper_end.reset();
  Result r = take_answer(c, own_end.get(), mount);
  // If the wait fails, a zombie stays until the init exits.
  sys::unchecked(sys::call(__NR_waitid, P_PID, pid, 0, WEXITED, 0));
  return r;
}

Result run(Context& c, const wire::step::keepPidNamespace& s) {
  if (s.slot == 0 || c.slots[s.slot] < 0) return {EBADF, "setns"};
  c.pid_namespace = s.slot;
  return {};
}

Result run(Context& c, const wire::step::enterPidNamespace&) {
  UniqueFd ns(c.slots.take(c.pid_namespace));
  if (!ns.open()) return {EBADF, "setns"};
  if (long r = sys::call(__NR_setns, ns.get(), CLONE_NEWPID); r < 0) return check("setns", r);
  ns.reset();
  // This procfs is of the outer pid namespace.
  if (c.procfs >= 0) sys::close(c.procfs);
  c.procfs = -1;
  c.pid_namespace = 0;
  const char* refused = "";
  if (long r = clone_sibling(c.channel, 0, &refused); r < 0) return check(refused, r);
  return check("setsid", sys::call(__NR_setsid));
}

}  // namespace tsubo
