// SPDX-License-Identifier: Apache-2.0
#include <linux/errno.h>
#include <linux/openat2.h>

#include "core/files.h"

namespace tsubo {

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
  sys::OpenHow how = {static_cast<uint64_t>(O_WRONLY | O_CLOEXEC), 0,
                      RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
  long fd = sys::openat2(static_cast<int>(proc), path.c_str(), &how);
  if (fd < 0) return check("openat2", fd);
  UniqueFd file(fd);
  const char* value = c.plan.text(s.value);
  return check("write", sys::write(file.get(), value, text::length(value)));
}

}  // namespace tsubo
