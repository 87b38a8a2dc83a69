// SPDX-License-Identifier: Apache-2.0
//
// What a Linux security module takes from the process itself: a profile or a context for its next program.
#include <linux/errno.h>

#include "core/files.h"

namespace tsubo {

Result run(Context& c, const wire::step::setSecurityAttribute& s) {
  long proc = files::procfs(c);
  if (proc < 0) return check("fsmount", proc);
  for (uint32_t i = 0; i < s.names.count; i++) {
    text::Path path;
    path.add("self/attr/").add(c.plan.text(s.names, i));
    c.about("/proc/");
    c.detail.add(path.c_str());
    if (path.overflowed()) return {ENAMETOOLONG, "openat"};
    long fd = sys::openat(static_cast<int>(proc), path.c_str(), files::kWriteOnly | files::kCloexec);
    if (fd == -ENOENT && i + 1 < s.names.count) continue;
    if (fd < 0) return check("openat", fd);
    UniqueFd file(fd);
    const char* value = c.plan.text(s.value);
    return check("write", sys::write(file.get(), value, text::length(value)));
  }
  return {EINVAL, "openat"};
}

}  // namespace tsubo
