// SPDX-License-Identifier: Apache-2.0
//
// What the init says to the runtime, one message each: over the channel until `ready`, into the FIFO of `start` after
// it. Small enough to be written in one piece (PIPE_BUF).
//
//   helper                      runtime
//    |-- born {step: pid} ----->|   or failed {step: which of the namespaces}, and exits
//
//   init                        runtime
//    |-- failed {step,errno} -->|   and exits
//    |-- waiting {step} ------->|   does its part, perhaps with the descriptor that comes along
//    |<----------- one byte ----|   or end of file: the init exits
//    |-- ready ---------------->|   records the state
//    |<----------- one byte ----|   or end of file: the init exits
//
//   `run` lets the init go on to the exec at once: `failed`, or end of file when the exec closes the channel. `create`
//   leaves it waiting:
//
//    |<-- empties the FIFO -----|   `start`; the init's first write into it waits for that
//    |-- waiting -------------->|   it goes on
//    |-- ready {step} --------->|   only after hooks, which may take long: what comes now is the exec
//    |-- failed --------------->|   or the exec closes the FIFO: end of file
#pragma once

#include <cstdint>

namespace tsubo::wire {

// `step` of a failure before the first step.
inline constexpr uint32_t kNoStep = ~0u;

enum class ReportKind : uint32_t { ready = 1, failed = 2, waiting = 3, born = 4 };

struct Report {
  ReportKind kind;
  uint32_t step;
  int32_t error;  // positive errno; of waiting in loadSeccomp, the number that the listener's descriptor will have
  char syscall[28];
  char detail[984];
};
static_assert(sizeof(Report) == 1024);

}  // namespace tsubo::wire
