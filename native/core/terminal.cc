// SPDX-License-Identifier: Apache-2.0
//
// The container's terminal: a pair of its own devpts, /dev/console as a mount of its slave, and the slave as the
// standard streams. The slave is reached only through the master's descriptor, because another process of the container
// may replace /dev/pts/N and /dev/console meanwhile (CVE-2025-52565).
#include <asm/ioctls.h>
#include <asm/termios.h>
#include <linux/errno.h>
#include <linux/magic.h>

#include "core/detached_mount.h"

namespace tsubo {

namespace {

long ioctl(int fd, unsigned long request, long argument) {
  return sys::call(__NR_ioctl, fd, static_cast<long>(request), argument);
}

Result on_devpts(int fd, files::Status* at) {
  files::Filesystem fs;
  if (long r = files::filesystem(fd, &fs); r < 0) return check("fstatfs", r);
  if (fs.type != DEVPTS_SUPER_MAGIC) return {ENODEV, "fstatfs"};
  if (long r = files::status(fd, "", 0, at); r < 0) return check("statx", r);
  return at->is(S_IFCHR) ? Result{} : Result{ENODEV, "statx"};
}

// Checks the file before it is opened, because opening another device can have effects.
Result open_master(Context& c, const char* path, UniqueFd* master) {
  long fd = files::open_in_root(c.root, path);
  if (fd < 0) return check("openat2", fd);
  UniqueFd found(fd);
  files::Status at;
  if (Result r = on_devpts(found.get(), &at); !r.ok()) return r;
  if (!files::is_ptmx(at)) return {ENODEV, "statx"};
  fd = files::open_in_root(c.root, path, O_RDWR | O_NOCTTY);
  if (fd < 0) return check("openat2", fd);
  master->reset(fd);
  // The name may have been replaced in between.
  if (Result r = on_devpts(master->get(), &at); !r.ok()) return r;
  return files::is_ptmx(at) ? Result{} : Result{ENODEV, "statx"};
}

Result open_slave(int master, UniqueFd* slave) {
  int locked = 0;
  if (long r = ioctl(master, TIOCSPTLCK, sys::arg(&locked)); r < 0) return check("ioctl(TIOCSPTLCK)", r);
  long fd = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return check("ioctl(TIOCGPTPEER)", fd);
  slave->reset(fd);
  files::Status at;
  if (Result r = on_devpts(slave->get(), &at); !r.ok()) return r;
  return files::is_terminal_slave(at) ? Result{} : Result{ENODEV, "statx"};
}

// A symbolic link in its place is not followed. The target must be a file, because a mount on a directory would fail.
Result cover_console(Context& c, const char* path, int slave) {
  UniqueFd tree;
  int parent = -1;
  const char* name = nullptr;
  if (Result r = files::open_parent(c, path, &parent, &name); !r.ok()) return r;
  constexpr int kMake = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  long fd = sys::openat(parent, name, kMake, 0666);
  if (fd >= 0) sys::close(static_cast<int>(fd));
  if (fd < 0 && fd != -EEXIST) return check("openat", fd);
  UniqueFd target;
  constexpr int kFind = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  files::Status at;
  if (Result r = take(&target, "openat", sys::openat(parent, name, kFind)); !r.ok()) return r;
  if (long r = files::status(target.get(), "", 0, &at); r < 0) return check("statx", r);
  if (at.is(S_IFLNK)) return {ELOOP, "openat"};
  if (Result r = mounts::clone_tree(c, slave, "", false, &tree); !r.ok()) return r;
  return mounts::attach(c, give(tree), target.get(), path);
}

}  // namespace

Result run(Context& c, const wire::step::openTerminal& s) {
  const char* path = c.plan.text(s.path);
  const char* console = c.plan.text(s.console);
  c.about(path);
  if (s.slot == 0 || s.slot >= wire::kSlots) return {EINVAL, "openat2"};
  UniqueFd master, slave;
  if (Result r = open_master(c, path, &master); !r.ok()) return r;
  if (Result r = open_slave(master.get(), &slave); !r.ok()) return r;
  if (s.height != 0 && s.width != 0) {
    winsize size = {static_cast<uint16_t>(s.height), static_cast<uint16_t>(s.width), 0, 0};
    if (long r = ioctl(slave.get(), TIOCSWINSZ, sys::arg(&size)); r < 0) return check("ioctl(TIOCSWINSZ)", r);
  }
  // The group stays that of the devpts mount (tty).
  long owned = sys::fchownat(slave.get(), "", static_cast<unsigned>(s.uid), ~0u, AT_EMPTY_PATH);
  if (owned < 0) return check("fchownat", owned);
  if (*console != '\0') {
    if (Result r = cover_console(c, console, slave.get()); !r.ok()) return r;
  }
  c.slots.put(s.slot, master.release());
  if (c.terminal >= 0) sys::close(c.terminal);
  c.terminal = slave.release();
  return {};
}

Result run(Context& c, const wire::step::useTerminal&) {
  if (c.terminal < 0) return {EBADF, "ioctl(TIOCSCTTY)"};
  // The argument 0 never takes the terminal from another session.
  if (long r = ioctl(c.terminal, TIOCSCTTY, 0); r < 0) return check("ioctl(TIOCSCTTY)", r);
  for (int fd = 0; fd < 3; fd++) {
    if (long r = sys::call(__NR_dup3, c.terminal, fd, 0); r < 0) return check("dup3", r);
  }
  sys::close(c.terminal);
  c.terminal = -1;
  return {};
}

}  // namespace tsubo
