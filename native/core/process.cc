// SPDX-License-Identifier: Apache-2.0
//
// Attributes of the container's process: limits, user, capabilities, working directory.
#include <asm/signal.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/major.h>
#include <linux/prctl.h>

#include "core/files.h"
#include "core/signals.h"

namespace tsubo {

Result run(Context&, const wire::step::resetSignals& s) {
  for (int signal = 1; signal <= 64; signal++) {
    if ((s.mask >> (signal - 1) & 1) == 0) continue;
    if (long r = reset_signal(signal); r < 0) return check("rt_sigaction", r);
  }
  return {};
}

Result run(Context&, const wire::step::setNoNewPrivileges&) {
  return check("prctl", sys::prctl(PR_SET_NO_NEW_PRIVS, 1));
}

Result run(Context&, const wire::step::setRlimit& s) {
  sys::Rlimit64 limit = {s.soft, s.hard};
  return check("prlimit64", sys::call(__NR_prlimit64, 0, static_cast<long>(s.resource), sys::arg(&limit), 0));
}

Result run(Context& c, const wire::step::ownStdio& s) {
  UniqueFd own;
  bool looked_up = false;
  for (int fd = 0; fd < 3; fd++) {
    files::Status at;
    if (files::status(fd, "", 0, &at) < 0) continue;
    if (files::is_null(at)) {
      // Replace the host's /dev/null by the container's, because no descriptor of a host mount may stay open inside.
      if (!looked_up) own.reset(files::open_in_root(c.root, "/dev/null", O_RDWR));
      looked_up = true;
      if (!files::is_null_device(own.get())) continue;
      if (long r = sys::call(__NR_dup3, own.get(), fd, 0); r < 0) return check("dup3", r);
      continue;
    }
    // Excludes /dev/tty, /dev/console and /dev/ptmx (major 5): all users of the machine share these nodes.
    bool terminal = files::is_terminal_slave(at) || (at.is(S_IFCHR) && at.rdev_major == TTY_MAJOR);
    if (!terminal && !at.is(S_IFIFO) && !at.is(S_IFSOCK)) continue;
    // If the change is refused (a read-only or remote file system, a user without a mapping), the owner stays: opening
    // /dev/stdout may then fail in the container, but writing to the stream works.
    if (at.uid != s.uid) sys::unchecked(sys::fchownat(fd, "", static_cast<unsigned>(s.uid), ~0u, AT_EMPTY_PATH));
  }
  return {};
}

Result run(Context&, const wire::step::limitBoundingSet& s) {
  for (unsigned cap = 0; cap < 64; cap++) {
    if (s.keep >> cap & 1) continue;
    long r = sys::prctl(PR_CAPBSET_DROP, cap);
    if (r == -EINVAL) break;  // past the last capability of this kernel
    if (r < 0) return check("prctl", r);
  }
  return {};
}

Result run(Context& c, const wire::step::becomeRoot&) {
  // EINVAL: 0 is not mapped. EPERM: the namespace denies setgroups.
  if (long r = sys::call(__NR_setgroups, 0, 0); r < 0 && r != -EPERM) return check("setgroups", r);
  if (long r = sys::call(__NR_setresgid, 0, 0, 0); r < 0 && r != -EINVAL) return check("setresgid", r);
  if (long r = sys::call(__NR_setresuid, 0, 0, 0); r < 0 && r != -EINVAL) return check("setresuid", r);
  // The capabilities passed the exec as ambient ones (spawn/spawn.cc), and the program must not inherit them.
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2];
  if (long r = sys::call(__NR_capget, sys::arg(&header), sys::arg(sets)); r < 0) return check("capget", r);
  for (auto& set : sets) {
    set.effective = set.permitted;
    set.inheritable = 0;
  }
  if (long r = sys::call(__NR_capset, sys::arg(&header), sys::arg(sets)); r < 0) return check("capset", r);
  // A change of IDs resets the parent death signal and the dumpable flag.
  if (long r = sys::prctl(PR_SET_PDEATHSIG, SIGKILL); r < 0) return check("prctl", r);
  c.in_user_namespace = true;
  return check("prctl", sys::prctl(PR_SET_DUMPABLE, 0));
}

Result run(Context&, const wire::step::showToUser&) { return check("prctl", sys::prctl(PR_SET_DUMPABLE, 1)); }

// A user namespace can forbid a change of groups; setgroups then fails even with the capability, and the groups stay.
bool may_change_groups() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2];
  return sys::call(__NR_capget, sys::arg(&header), sys::arg(sets)) == 0 && (sets[0].effective >> CAP_SETGID & 1) != 0;
}

Result run(Context& c, const wire::step::setUser& s) {
  static uint32_t groups[65536];
  if (s.groups.count > sizeof groups / sizeof *groups) return {EINVAL, "setgroups"};
  if (long r = sys::prctl(PR_SET_KEEPCAPS, 1); r < 0) return check("prctl", r);
  if (s.keepGroups == 0) {
    for (uint32_t i = 0; i < s.groups.count; i++) groups[i] = static_cast<uint32_t>(c.plan.number(s.groups, i));
    long r = sys::call(__NR_setgroups, s.groups.count, sys::arg(groups));
    bool kept = r == -EPERM && s.groups.count == 0 && may_change_groups();
    if (r < 0 && !kept) return check("setgroups", r);
  }
  auto uid = static_cast<long>(s.uid), gid = static_cast<long>(s.gid);
  if (long r = sys::call(__NR_setresgid, gid, gid, gid); r < 0) return check("setresgid", r);
  if (long r = sys::call(__NR_setresuid, uid, uid, uid); r < 0) return check("setresuid", r);
  // A change of user resets the dumpable flag to the system's default; the init must stay hidden.
  return check("prctl", sys::prctl(PR_SET_DUMPABLE, 0));
}

Result run(Context&, const wire::step::setCapabilities& s) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2];
  for (int i = 0; i < 2; i++) {
    sets[i].effective = static_cast<uint32_t>(s.effective >> (32 * i));
    sets[i].permitted = static_cast<uint32_t>(s.permitted >> (32 * i));
    sets[i].inheritable = static_cast<uint32_t>(s.inheritable >> (32 * i));
  }
  return check("capset", sys::call(__NR_capset, sys::arg(&header), sys::arg(sets)));
}

Result run(Context&, const wire::step::setAmbientSet& s) {
  if (long r = sys::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL); r < 0) return check("prctl", r);
  for (unsigned cap = 0; cap < 64; cap++) {
    if ((s.mask >> cap & 1) == 0) continue;
    if (long r = sys::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap); r < 0) return check("prctl", r);
  }
  return {};
}

Result run(Context& c, const wire::step::findHome& s) {
  c.home.clear();
  c.home.add("HOME=/");
  // Open it non-blocking and check that it is a regular file: an image may have a FIFO of that name.
  UniqueFd passwd(files::open_in_root(c.root, "/etc/passwd", O_NONBLOCK));
  files::Status at;
  if (!passwd.open() || files::status(passwd.get(), "", 0, &at) < 0 || !at.is(S_IFREG)) return {};
  char buffer[8192];
  size_t filled = 0;
  bool skipping = false;  // the rest of a line that was too long
  while (true) {
    long n = sys::read(passwd.get(), buffer + filled, sizeof buffer - filled);
    if (n < 0) return check("read", n);
    bool end = n == 0;
    filled += static_cast<size_t>(n);
    size_t line = 0;
    for (size_t i = 0; i <= filled; i++) {
      bool at_newline = i < filled && buffer[i] == '\n';
      if (!at_newline && !(end && i == filled && i > line)) continue;
      // The fields are name:password:uid:gid:comment:home:shell.
      size_t starts[8] = {line}, count = 1;
      for (size_t j = line; j < i && count < 8; j++) {
        if (buffer[j] == ':') starts[count++] = j + 1;
      }
      if (!skipping && count >= 6) {
        uint64_t uid = 0;
        bool digits = starts[3] - 1 > starts[2];
        for (size_t j = starts[2]; j < starts[3] - 1; j++) {
          if (buffer[j] < '0' || buffer[j] > '9' || uid > 0xffffffff) digits = false;
          uid = uid * 10 + static_cast<uint64_t>(buffer[j] - '0');
        }
        size_t home_end = count > 6 ? starts[6] - 1 : i;
        if (digits && uid == s.uid && home_end > starts[5]) {
          c.home.clear();
          c.home.add("HOME=").add(buffer + starts[5], home_end - starts[5]);
          return {};
        }
      }
      skipping = false;
      line = i + 1;
    }
    if (end) return {};
    if (line == 0 && filled == sizeof buffer) {
      skipping = true;
      filled = 0;
      continue;
    }
    if (line > filled) line = filled;
    for (size_t i = line; i < filled; i++) buffer[i - line] = buffer[i];
    filled -= line;
  }
}

Result run(Context& c, const wire::step::changeDirectory& s) {
  if (c.in_directory) return {};
  const char* path = c.plan.text(s.path);
  c.about(path);
  long r = sys::chdir(path);
  if ((r == -EACCES || r == -EPERM) && s.mayFail != 0) return {};
  if (r < 0) return check("chdir", r);
  // A directory outside the root, reached through a leaked descriptor, has no path here: getcwd returns "(unreachable)"
  // or ENOENT (CVE-2024-21626).
  char where[text::kPathMax];
  r = sys::call(__NR_getcwd, sys::arg(where), sizeof where);
  if (r == -ENOENT || (r > 0 && where[0] != '/')) return {EXDEV, "getcwd"};
  c.in_directory = r >= 0;
  return check("getcwd", r);
}

Result run(Context& c, const wire::step::setUmask& s) {
  c.own_umask = true;
  return check("umask",
               sys::call(__NR_umask, s.mask == wire::kCallersUmask ? c.callers_umask : static_cast<long>(s.mask)));
}

}  // namespace tsubo
