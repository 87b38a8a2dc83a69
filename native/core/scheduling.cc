// SPDX-License-Identifier: Apache-2.0
//
// Scheduling: CPU affinity, scheduler and I/O priority of the process.
#include <linux/sched/types.h>

#include "core/context.h"
#include "core/kernel.h"

namespace tsubo {

Result run(Context& c, const wire::step::setAffinity& s) {
  if (s.cpus.count > 0) {
    return check("sched_setaffinity", sys::call(__NR_sched_setaffinity, 0, static_cast<long>(s.cpus.count) * 8,
                                                sys::arg(c.plan.words(s.cpus))));
  }
  // More bits than any kernel has. The kernel reduces the mask to its own size and to the cpuset, and stores the
  // requested mask, which later applies to CPUs that are added to the cpuset.
  uint64_t all[128];
  for (uint64_t& word : all) word = ~uint64_t{0};
  // If this fails, the process keeps the caller's CPUs.
  sys::unchecked(sys::call(__NR_sched_setaffinity, 0, sizeof all, sys::arg(all)));
  return {};
}

Result run(Context&, const wire::step::setScheduler& s) {
  struct sched_attr attributes = {};
  attributes.size = sizeof attributes;
  attributes.sched_policy = static_cast<uint32_t>(s.policy);
  attributes.sched_flags = s.flags;
  attributes.sched_nice = static_cast<int32_t>(s.nice);
  attributes.sched_priority = static_cast<uint32_t>(s.priority);
  attributes.sched_runtime = s.runtime;
  attributes.sched_deadline = s.deadline;
  attributes.sched_period = s.period;
  return check("sched_setattr", sys::call(__NR_sched_setattr, 0, sys::arg(&attributes), 0));
}

Result run(Context&, const wire::step::setIoPriority& s) {
  return check("ioprio_set", sys::call(__NR_ioprio_set, IOPRIO_WHO_PROCESS, 0,
                                       static_cast<long>(s.ioClass << IOPRIO_CLASS_SHIFT | s.priority)));
}

}  // namespace tsubo
