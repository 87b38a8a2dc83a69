// SPDX-License-Identifier: Apache-2.0
#include "core/executor.h"

#include "wire/report.h"

namespace tsubo {

namespace {

Result run_step(Context& c, uint32_t i) {
  switch (c.plan.op(i)) {
#define TSUBO_RUN_STEP(op) \
  case wire::Op::op:       \
    return run(c, c.plan.fields<wire::step::op>(i));
    TSUBO_STEPS(TSUBO_RUN_STEP)
#undef TSUBO_RUN_STEP
    case wire::Op::count:
      break;
  }
  return {ENOSYS, "plan"};
}

void report_failure(Context& c, uint32_t step, const Result& result) {
  wire::Report report = {};
  report.kind = wire::ReportKind::failed;
  report.step = step;
  report.error = result.error;
  report.item = c.item;
  for (size_t i = 0; result.syscall[i] != '\0' && i < sizeof report.syscall - 1; i++)
    report.syscall[i] = result.syscall[i];
  for (size_t i = 0; i < c.detail.size(); i++) report.detail[i] = c.detail.c_str()[i];
  // If the runtime has exited or a filter refuses the call, only the exit status reports the failure.
  sys::unchecked(sys::write(c.channel >= 0 ? c.channel : c.result, &report, sizeof report));
}

}  // namespace

void execute(Context& c) {
  for (uint32_t i = 0; i < c.plan.steps(); i++) {
    c.detail.clear();
    c.item = 0;
    c.step = i;
    Result result = run_step(c, i);
    if (!result.ok()) return report_failure(c, i, result);
  }
}

}  // namespace tsubo
