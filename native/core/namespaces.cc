// SPDX-License-Identifier: Apache-2.0
#include <linux/errno.h>

#include "core/context.h"

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

}  // namespace tsubo
