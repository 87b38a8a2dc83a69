// SPDX-License-Identifier: Apache-2.0
//
// The binary form of the plan, the counterpart of src/wire/encode.ts. src/wire/README.md describes the layout.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "wire/steps.h"

namespace tsubo::wire {

inline constexpr uint32_t kPlanMagic = 0x4F425354;  // "TSBO"
inline constexpr uint32_t kPlanVersion = 1;
inline constexpr uint32_t kMaxPlanBytes = 64u << 20;

struct PlanHeader {
  uint32_t magic;
  uint32_t version;
  uint32_t bytes;
  uint32_t steps;
  uint32_t index;
  uint32_t data;
  uint32_t reserved[2];
};

struct IndexEntry {
  uint32_t op;
  uint32_t fields;
};

// A plan in which every offset, length and NUL has been checked; reading it needs no further checks.
class Plan {
 public:
  // Returns false if the bytes are not a well-formed plan. `base` must be aligned to 8 bytes.
  static bool open(const uint8_t* base, size_t bytes, Plan* plan);

  uint32_t steps() const { return header_->steps; }
  Op op(uint32_t step) const { return static_cast<Op>(entry(step)->op); }
  template <typename Fields>
  const Fields& fields(uint32_t step) const {
    return *reinterpret_cast<const Fields*>(base_ + entry(step)->fields);
  }

  const char* text(text t) const { return reinterpret_cast<const char*>(base_ + t.offset); }
  const char* text(texts list, uint32_t i) const {
    return text(reinterpret_cast<const struct text*>(base_ + list.offset)[i]);
  }
  uint64_t number(numbers list, uint32_t i) const { return words(list)[i]; }
  const uint64_t* words(numbers list) const { return reinterpret_cast<const uint64_t*>(base_ + list.offset); }

 private:
  const IndexEntry* entry(uint32_t step) const {
    return reinterpret_cast<const IndexEntry*>(base_ + header_->index) + step;
  }
  bool checked(uint32_t step) const;
  bool text_ok(struct text t) const;
  bool range_ok(uint32_t offset, uint64_t entries) const;

  const uint8_t* base_ = nullptr;
  const PlanHeader* header_ = nullptr;
};

// The host writes a boot block before the plan, because the descriptor numbers are known only at the spawn.
inline constexpr uint32_t kBootMagic = 0x54425354;  // "TSBT"
// Slightly more than the maximum number of mounts in a mount namespace (fs.mount-max). src/plan/make-plan.ts contains
// the same number.
inline constexpr uint32_t kSlots = 1u << 17;
// The number of slots that the spawn can fill: namespaces to join, the two FIFOs, a directory.
inline constexpr uint32_t kSpawnSlots = 32;
inline constexpr uint32_t kJoins = 16;

struct Boot {
  uint32_t magic;
  uint32_t plan_bytes;
  int32_t channel;        // SOCK_SEQPACKET to the runtime
  uint32_t preserve_fds;  // descriptors from 3 on that belong to the container
  uint32_t fds;           // the number of filled `slots`, from slot 1 on
  // If this is above 0, the process is a helper: it joins these namespaces and then clones the init with `clone_flags`.
  uint32_t joins;
  uint64_t clone_flags;
  // CLONE_NEW* if `join_fds` are pidfds: these namespaces of their processes are joined. Otherwise 0.
  int32_t join_kinds;
  uint32_t root_slot;  // the helper's root before it clones the init, or 0: the runtime's root stays
  int32_t join_fds[kJoins + 1];
  int32_t slots[kSpawnSlots];
};
static_assert(sizeof(Boot) % 8 == 0);

}  // namespace tsubo::wire
