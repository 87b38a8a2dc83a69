// SPDX-License-Identifier: Apache-2.0
//
// A new time namespace. A process enters it only by setns(2): unshare(2) changes the namespace of its children.
#include <linux/errno.h>
#include <linux/sched.h>

#include "core/files.h"

namespace tsubo {

Result run(Context& c, const wire::step::enterTimeNamespace& s) {
  if (Result r = check("unshare", sys::call(__NR_unshare, CLONE_NEWTIME)); !r.ok()) return r;
  long proc = files::procfs(c);
  if (proc < 0) return check("fsmount", proc);
  const char* offsets = c.plan.text(s.offsets);
  if (offsets[0] != '\0') {
    c.about("/proc/self/timens_offsets");
    long fd = sys::openat(static_cast<int>(proc), "self/timens_offsets", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return check("openat", fd);
    UniqueFd file(fd);
    if (Result r = check("write", sys::write(file.get(), offsets, text::length(offsets))); !r.ok()) return r;
  }
  c.about("/proc/self/ns/time_for_children");
  long fd = sys::openat(static_cast<int>(proc), "self/ns/time_for_children", O_CLOEXEC);
  if (fd < 0) return check("openat", fd);
  UniqueFd joined(fd);
  return check("setns", sys::call(__NR_setns, joined.get(), CLONE_NEWTIME));
}

}  // namespace tsubo
