// SPDX-License-Identifier: Apache-2.0
//
// Attributes of Linux security modules: the profile or context of the process's next program, and the context of a
// mount.
#include <linux/errno.h>
#include <linux/openat2.h>

#include "core/detached_mount.h"

namespace tsubo {

Result run(Context& c, const wire::step::setSecurityAttribute& s) {
  long proc = files::procfs(c);
  if (proc < 0) return check("fsmount", proc);
  for (uint32_t i = 0; i < s.names.count; i++) {
    text::Path path;
    path.add("self/attr/").add(c.plan.text(s.names, i));
    c.about("/proc/");
    c.detail.add(path.c_str());
    if (path.overflowed()) return {ENAMETOOLONG, "openat2"};
    // Links are allowed because `self` is a symbolic link.
    sys::OpenHow how = {static_cast<uint64_t>(O_WRONLY | O_CLOEXEC), 0,
                        RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS};
    long fd = sys::openat2(static_cast<int>(proc), path.c_str(), &how);
    if (fd == -ENOENT && i + 1 < s.names.count) continue;
    if (fd < 0) return check("openat2", fd);
    UniqueFd file(fd);
    const char* value = c.plan.text(s.value);
    return check("write", sys::write(file.get(), value, text::length(value)));
  }
  return {EINVAL, "openat2"};
}

Result run(Context& c, const wire::step::labelMount& s) {
  const char* label = c.plan.text(s.label);
  c.about(label);
  return mounts::at_descriptor(c, c.slots[0], [&](const char* path) {
    constexpr const char* kName = "security.selinux";
    long r = sys::call(__NR_setxattr, sys::arg(path), sys::arg(kName), sys::arg(label),
                       static_cast<long>(text::length(label)), 0);
    return check("setxattr", r);
  });
}

}  // namespace tsubo
