// SPDX-License-Identifier: Apache-2.0
//
// Reads every field of every step of a plan that the decoder has accepted.
#pragma once

#include <stdlib.h>
#include <string.h>

#include "wire/plan.h"

namespace {

using namespace tsubo::wire;

uint64_t seen = 0;
void look(const Plan&, number n) { seen += n; }
void look(const Plan& p, text t) {
  if (strlen(p.text(t)) != t.length) abort();
}
void look(const Plan& p, texts list) {
  for (uint32_t i = 0; i < list.count; i++) seen += strlen(p.text(list, i));
}
void look(const Plan& p, numbers list) {
  for (uint32_t i = 0; i < list.count; i++) seen += p.number(list, i);
}

void walk(const Plan& p) {
  for (uint32_t i = 0; i < p.steps(); i++) {
    switch (p.op(i)) {
#define LOOK(kind, name) look(p, s.name);
#define STEP(op)                                            \
  case Op::op: {                                            \
    [[maybe_unused]] const auto& s = p.fields<step::op>(i); \
    TSUBO_FIELDS_##op(LOOK) break;                          \
  }
      TSUBO_STEPS(STEP)
#undef STEP
#undef LOOK
      case Op::count:
        abort();
    }
  }
}

}  // namespace
