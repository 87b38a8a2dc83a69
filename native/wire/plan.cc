// SPDX-License-Identifier: Apache-2.0
#include "wire/plan.h"

namespace tsubo::wire {

namespace {

#define TSUBO_LETTERS(op) letters_##op,
constexpr const char* kLetters[] = {TSUBO_STEPS(TSUBO_LETTERS)};
#undef TSUBO_LETTERS
static_assert(sizeof kLetters / sizeof *kLetters == static_cast<size_t>(Op::count));

}  // namespace

bool Plan::range_ok(uint32_t offset, uint64_t entries) const {
  return offset % 8 == 0 && offset >= sizeof(PlanHeader) && offset <= header_->bytes &&
         entries <= (header_->bytes - offset) / 8;
}

bool Plan::text_ok(struct text t) const {
  if (t.offset < sizeof(PlanHeader) || t.offset >= header_->bytes || t.length >= header_->bytes - t.offset)
    return false;
  const uint8_t* start = base_ + t.offset;
  for (uint32_t i = 0; i < t.length; i++) {
    if (start[i] == 0) return false;
  }
  return start[t.length] == 0;
}

bool Plan::checked(uint32_t step) const {
  const IndexEntry* at = entry(step);
  if (at->op >= static_cast<uint32_t>(Op::count)) return false;
  const char* letters = kLetters[at->op];
  uint64_t count = 0;
  while (letters[count] != '\0') count++;
  if (!range_ok(at->fields, count)) return false;
  for (uint64_t i = 0; i < count; i++) {
    const uint8_t* field = base_ + at->fields + 8 * i;
    switch (letters[i]) {
      case kind_letter::text:
        if (!text_ok(*reinterpret_cast<const struct text*>(field))) return false;
        break;
      case kind_letter::texts: {
        auto list = *reinterpret_cast<const texts*>(field);
        if (!range_ok(list.offset, list.count)) return false;
        for (uint32_t j = 0; j < list.count; j++) {
          if (!text_ok(reinterpret_cast<const struct text*>(base_ + list.offset)[j])) return false;
        }
        break;
      }
      case kind_letter::numbers: {
        auto list = *reinterpret_cast<const numbers*>(field);
        if (!range_ok(list.offset, list.count)) return false;
        break;
      }
      default:
        break;
    }
  }
  return true;
}

bool Plan::open(const uint8_t* base, size_t bytes, Plan* plan) {
  if (bytes < sizeof(PlanHeader) || bytes > kMaxPlanBytes || reinterpret_cast<uintptr_t>(base) % 8 != 0) return false;
  plan->base_ = base;
  plan->header_ = reinterpret_cast<const PlanHeader*>(base);
  const PlanHeader& h = *plan->header_;
  if (h.magic != kPlanMagic || h.version != kPlanVersion || h.bytes != bytes) return false;
  if (!plan->range_ok(h.index, h.steps)) return false;
  for (uint32_t i = 0; i < h.steps; i++) {
    if (!plan->checked(i)) return false;
  }
  return true;
}

}  // namespace tsubo::wire
