// SPDX-License-Identifier: Apache-2.0
//
// Attributes of the container's process: signals, limits, standard streams, working directory, umask.
#include <asm/signal.h>
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

Result run(Context& c, const wire::step::endWithRuntime&) {
  c.ends_with_runtime = true;
  return check("prctl", sys::prctl(PR_SET_PDEATHSIG, SIGKILL));
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
