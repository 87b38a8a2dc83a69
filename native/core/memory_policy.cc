// SPDX-License-Identifier: Apache-2.0
#include "core/context.h"

namespace tsubo {

Result run(Context& c, const wire::step::setMemoryPolicy& s) {
  // set_mempolicy expects the number of bits plus one.
  long bits = s.nodes.count == 0 ? 0 : static_cast<long>(s.nodes.count) * 64 + 1;
  long nodes = s.nodes.count == 0 ? 0 : sys::arg(c.plan.words(s.nodes));
  return check("set_mempolicy", sys::call(__NR_set_mempolicy, static_cast<long>(s.mode), nodes, bits));
}

}  // namespace tsubo
