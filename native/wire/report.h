// SPDX-License-Identifier: Apache-2.0
//
// The init sends each report to the runtime as one message: over the channel until `ready`, afterwards through the FIFO
// that `start` reads. A report is small enough to be written atomically (PIPE_BUF).
//
//   helper                      runtime
//    |-- cloned {step: pid} --->|   or failed {step: index of the namespace}, and exits
//
//   init                        runtime
//    |-- failed {step,errno} -->|   and exits
//    |-- waiting {step} ------->|   performs its part of the step
//    |<----------- one byte ----|   or end of file: the init exits
//    |-- ready ---------------->|   records the state
//    |<----------- one byte ----|   or end of file: the init exits
//
//   `run` resumes the init at once, then reads `failed`, or end of file when the exec closes the
//   channel. `create` leaves the init waiting:
//
//    |<-- empties the FIFO -----|   `start`; the init's first write into the FIFO waits for this
//    |-- waiting -------------->|   the init continues
//    |-- ready {step} --------->|   only after hooks, which may take long; then the exec
//    |-- failed --------------->|   or the exec closes the FIFO: end of file
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace tsubo::wire {

// The value of `step` for a failure before the first step.
inline constexpr uint32_t kNoStep = ~0u;

enum class ReportKind : uint32_t { ready = 1, failed = 2, waiting = 3, cloned = 4 };

// The number of descriptors that one message can carry, the kernel's SCM_MAX_FD, which is in no header for programs.
inline constexpr size_t kMostDescriptors = 253;

struct Report {
  ReportKind kind;
  uint32_t step;
  int32_t error;  // positive errno; in `waiting` of loadSeccomp, the number that the listener's descriptor will have
  // In `failed`: 1 + the index of the refused item in the step's list (an option of `mount`); 0 if there is none.
  uint32_t item;
  char syscall[28];
  char detail[980];
};
static_assert(sizeof(Report) == 1024);

}  // namespace tsubo::wire
