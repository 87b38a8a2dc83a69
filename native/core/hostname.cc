// SPDX-License-Identifier: Apache-2.0
#include "core/context.h"

namespace tsubo {

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

}  // namespace tsubo
