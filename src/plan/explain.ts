// SPDX-License-Identifier: Apache-2.0
import { errnoName, errnoText } from '../errors/errno.ts';
import type { ErrorFields, RuntimeError } from '../errors/error.ts';
import { hostFailure, isSystemError } from '../errors/system.ts';
import type { Report } from '../host/binding.d.ts';
import type { Config } from '../oci/config.ts';
import type { Operation, Step } from '../wire/steps.ts';
import { stepText } from './describe.ts';
import { facilityOf, hostFacilityOf } from './facilities.ts';
import type { Causes, Explanation, Refusal, StepFailure } from './facility.ts';
import type { HostStep, Plan } from './plan.ts';

/**
 * Turns a report of the init into the fields of an error: the step's number leads to the place in config.json.
 *
 * @param report - of kind `failed`, `warning` or `ended`
 * @param config - the plan's config: the scheduler may be refused because of other properties
 */
export function explainFailure(plan: Plan, report: Report, config?: Config): ErrorFields {
  const step = plan.container[report.step];
  if (report.kind === 'failed' && step === undefined) return ownFailure(report);
  if (report.kind === 'ended' || step === undefined) {
    return {
      code: 'container.ended',
      stage: 'container',
      message: 'container init ended before it was ready, without a report',
      hint: 'it was killed by a memory limit (see dmesg) or by another process',
    };
  }
  const facility: AnyFacility = facilityOf(step.op);
  const alone = facility.explainAlone?.[step.op];
  if (alone !== undefined) return { stage: 'container', step: report.step, ...alone(step as never, report) };
  const text = errnoText(report.errno);
  const called = `${report.syscall}${report.detail === '' ? '' : ` ${report.detail}`}: ${text}`;
  const filterHint = () => hintOfFilter(plan, report.step);
  const failure: StepFailure = {
    ...{ plan, report, config, text, called, filterHint },
    stepText: () => stepText(step),
  };
  const explanation: Explanation = facility.explain?.[step.op]?.(step as never, failure) ?? {
    code: 'container.syscall',
    message: `${step.op}: ${called}`,
  };
  const hint = explanation.hint ?? hintFor(facility, step.op, report) ?? filterHint();
  return {
    code: explanation.code,
    message: explanation.message,
    // The origin is empty for steps of the runtime and of options: no place in a document.
    pointer:
      explanation.pointer ?? itemPointer(step, report) ?? (step.origin === '' ? undefined : step.origin),
    stage: 'container',
    step: report.step,
    syscall: report.syscall,
    errno: report.errno,
    errnoName: errnoName(report.errno),
    ...(report.detail !== '' && { [report.detail.startsWith('/') ? 'path' : 'detail']: report.detail }),
    value: explanation.value,
    hint,
  };
}

/** Returns the error for a refused system call of a step of the runtime. */
export function hostStepFailure(step: HostStep, refusal: Refusal): RuntimeError {
  const { op, origin } = step;
  const { explainHost, hostHints } = hostFacilityOf(op);
  const { attempt, ...fields } = explainHost?.[op]?.(step as never, refusal) ?? { attempt: op };
  return hostFailure(refusal, attempt, {
    // The origin is a pointer, an option of the command line, or empty.
    ...(origin !== '' && { [origin.startsWith('/') ? 'pointer' : 'document']: origin }),
    ...(hostHints?.()[op]?.[refusal.errno] !== undefined && { hint: hostHints()[op]?.[refusal.errno] }),
    ...fields,
  });
}

/** Calls `work`; a refused system call becomes the error of the step. */
export function onHostStep<T>(step: HostStep, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw isSystemError(error) ? hostStepFailure(step, error) : error;
  }
}

/** Returns the place that requested the refused item of the step's list. */
function itemPointer({ origin, places }: Step, { item = -1 }: Report): string | undefined {
  const place = places?.[item];
  return typeof place === 'number' ? `${origin}/options/${place}` : place;
}

/** Returns the error for a failure of the init before the first step of any plan. */
function ownFailure({ syscall, errno }: Report): ErrorFields {
  return {
    code: 'container.syscall',
    stage: 'container',
    message: `unable to prepare the init: ${syscall}: ${errnoText(errno)}`,
    syscall,
    errno,
    errnoName: errnoName(errno),
    hint: 'a seccomp filter of the container or service that the runtime runs in refuses the call',
  };
}

/** Returns the hint for a failure after the filter was loaded: the filter may have refused the call. */
function hintOfFilter({ container }: Plan, step: number): string | undefined {
  // At `start` the plan has only the steps after `ready`.
  const loaded = container.findIndex(one => one?.op === 'loadSeccomp');
  if (loaded < 0 || loaded >= step) return undefined;
  return 'the seccomp profile may refuse the call: without process.noNewPrivileges it is loaded before the exec';
}

/** Returns the likely cause and a remedy, if known. */
function hintFor({ hints, sameHints }: AnyFacility, failed: Operation, report: Report): string | undefined {
  const op = sameHints?.[failed] ?? failed;
  const known = hints?.() ?? {};
  return known[`${op}/${report.syscall}`]?.[report.errno] ?? known[op]?.[report.errno];
}

/** A facility whose operations are not known to the compiler: the operation of a step selects the right function. */
interface AnyFacility {
  readonly explain?: Readonly<
    Record<string, ((step: never, failure: StepFailure) => Explanation) | undefined>
  >;
  readonly explainAlone?: Readonly<
    Record<string, ((step: never, report: Report) => ErrorFields) | undefined>
  >;
  readonly hints?: () => Readonly<Record<string, Causes | undefined>>;
  readonly sameHints?: Readonly<Record<string, string | undefined>>;
}
