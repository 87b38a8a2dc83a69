// SPDX-License-Identifier: Apache-2.0
#include "core/context.h"

namespace tsubo {

Result run(Context&, const wire::step::setPersonality& s) {
  return check("personality", sys::call(__NR_personality, static_cast<long>(s.persona)));
}

}  // namespace tsubo
