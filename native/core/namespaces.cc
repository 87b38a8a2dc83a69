// SPDX-License-Identifier: Apache-2.0
#include <linux/errno.h>
#include <linux/openat2.h>
#include <linux/prctl.h>

#include "core/files.h"

namespace tsubo {

Result run(Context& c, const wire::step::joinNamespace& s) {
  if (s.slot >= wire::kSlots) return {EINVAL, "setns"};
  Result r = check("setns", sys::call(__NR_setns, c.slots[s.slot], static_cast<long>(s.kind)));
  c.slots.close(s.slot);
  return r;
}

Result run(Context&, const wire::step::unshare& s) {
  return check("unshare", sys::call(__NR_unshare, static_cast<long>(s.flags)));
}

Result run(Context& c, const wire::step::enterTimeNamespace& s) {
  constexpr long kTime = 0x80;  // CLONE_NEWTIME, newer than some headers
  if (Result r = check("unshare", sys::call(__NR_unshare, kTime)); !r.ok()) return r;
  long proc = files::procfs(c);
  if (proc < 0) return check("fsmount", proc);
  const char* offsets = c.plan.text(s.offsets);
  if (offsets[0] != '\0') {
    c.about("/proc/self/timens_offsets");
    long fd = sys::openat(static_cast<int>(proc), "self/timens_offsets", files::kWriteOnly | files::kCloexec);
    if (fd < 0) return check("openat", fd);
    UniqueFd file(fd);
    if (Result r = check("write", sys::write(file.get(), offsets, text::length(offsets))); !r.ok()) return r;
  }
  c.about("/proc/self/ns/time_for_children");
  long fd = sys::openat(static_cast<int>(proc), "self/ns/time_for_children", files::kCloexec);
  if (fd < 0) return check("openat", fd);
  UniqueFd ours(fd);
  return check("setns", sys::call(__NR_setns, ours.get(), kTime));
}

Result run(Context& c, const wire::step::raiseLoopback&) {
  // struct ifreq: the name, then the flags. The old flags need not be read, because the namespace is new.
  struct {
    char name[16];
    int16_t flags;
    char rest[22];
  } request = {"lo", 1 /* IFF_UP */, {}};
  c.about("lo");
  UniqueFd socket;
  long fd = sys::call(__NR_socket, 2 /* AF_INET */, 2 | 02000000 /* SOCK_DGRAM|SOCK_CLOEXEC */, 0);
  if (Result r = take(&socket, "socket", fd); !r.ok()) return r;
  constexpr long kSetFlags = 0x8914;
  return check("ioctl", sys::call(__NR_ioctl, socket.get(), kSetFlags, sys::arg(&request)));
}

Result run(Context& c, const wire::step::setHostname& s) {
  const char* name = c.plan.text(s.name);
  c.about(name);
  return check("sethostname", sys::call(__NR_sethostname, sys::arg(name), static_cast<long>(text::length(name))));
}

Result run(Context& c, const wire::step::setDomainname& s) {
  const char* name = c.plan.text(s.name);
  c.about(name);
  return check("setdomainname", sys::call(__NR_setdomainname, sys::arg(name), static_cast<long>(text::length(name))));
}

Result run(Context& c, const wire::step::setSysctl& s) {
  text::Path path;
  path.add("sys/").add(c.plan.text(s.path));
  c.about("/proc/");
  c.detail.add(path.c_str());
  if (path.overflowed()) return {ENAMETOOLONG, "openat2"};
  long proc = files::procfs(c);
  if (proc < 0) return check("fsmount", proc);
  // The lookup never crosses a mount or a link: a write to another file of /proc could change the host
  // (CVE-2025-52881).
  sys::OpenHow how = {static_cast<uint64_t>(files::kWriteOnly | files::kCloexec), 0,
                      RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
  long fd = sys::openat2(static_cast<int>(proc), path.c_str(), &how);
  if (fd < 0) return check("openat2", fd);
  UniqueFd file(fd);
  const char* value = c.plan.text(s.value);
  return check("write", sys::write(file.get(), value, text::length(value)));
}

Result run(Context& c, const wire::step::joinSessionKeyring& s) {
  constexpr long kJoin = 1, kSetPermissions = 5, kDescribe = 6;
  constexpr uint32_t kUserSearch = 0x00080000;
  const char* name = c.plan.text(s.name);
  c.about(name);
  long key = sys::call(__NR_keyctl, kJoin, sys::arg(name));
  if (key == -ENOSYS) return {};
  if (key < 0) return check("keyctl", key);
  // The format is "keyring;uid;gid;permissions in hex;name".
  char description[512];
  long n = sys::call(__NR_keyctl, kDescribe, key, sys::arg(description), sizeof description - 1);
  if (n < 0 || n > static_cast<long>(sizeof description - 1))
    return n < 0 ? check("keyctl", n) : Result{E2BIG, "keyctl"};
  description[n] = '\0';
  const char* p = description;
  for (int i = 0; i < 3 && p != nullptr; i++) p = text::find(p, ';') != nullptr ? text::find(p, ';') + 1 : nullptr;
  if (p == nullptr) return {EINVAL, "keyctl"};
  uint32_t permissions = 0;
  for (; *p != ';' && *p != '\0'; p++) {
    permissions = permissions * 16 + static_cast<uint32_t>(*p <= '9' ? *p - '0' : (*p | 32) - 'a' + 10);
  }
  return check("keyctl", sys::call(__NR_keyctl, kSetPermissions, key, permissions | kUserSearch));
}

}  // namespace tsubo
