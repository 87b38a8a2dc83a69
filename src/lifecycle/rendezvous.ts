// SPDX-License-Identifier: Apache-2.0
import { type ErrorFields, RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Binding, Report, Spawned } from '../host/binding.d.ts';
import type { Config } from '../oci/config.ts';
import { explainFailure } from '../plan/explain.ts';
import type { Plan } from '../plan/plan.ts';
import { endedError } from './ended.ts';

/** The init that waits for the host's part at a moment of its plan. */
export interface Waiting {
  readonly pid: number;
  readonly pidfd: number;
  /** Of the step at which it waits. */
  readonly origin: string;
  /** What the init handed over, for the work to close. */
  readonly fd?: number;
}

/** The host's part at each moment that the plan's `rendezvous` steps name; descriptors that it returns, the init gets. */
export type Moments = Readonly<Record<string, (init: Waiting) => unknown>>;

/** The moment of `loadSeccomp` with a listener, whose descriptor is handed over. */
export const seccompMoment = 'seccomp';

/** What is walked, and the config for the words of its failures. */
export interface Walk {
  readonly plan: Plan;
  readonly config?: Config | undefined;
}

/** Hears the init until it has prepared everything, and does the host's part at the moments where it waits for that. */
export function awaitReady(
  binding: Binding,
  { plan, config }: Walk,
  spawned: Spawned,
  moments: Moments,
  cgroup: string | undefined,
): void {
  for (;;) {
    const report = onHost('unable to hear from the init', () => binding.awaitReport(spawned.channel));
    switch (report.kind) {
      case 'ready':
        return;
      case 'waiting':
        keepAppointment(binding, plan, report, moments, spawned);
        break;
      case 'failed':
        throw initError(explainFailure(plan, report, config));
      case 'ended':
        throw endedError(binding, plan, spawned, cgroup);
    }
  }
}

/** Does the host's part and lets the init go on, unless another report has come, or the end. */
function keepAppointment(
  binding: Binding,
  plan: Plan,
  report: Report,
  moments: Moments,
  spawned: Spawned,
): void {
  const step = plan.container[report.step];
  const listened = step?.op === 'loadSeccomp';
  const moment = step?.op === 'rendezvous' ? step.moment : seccompMoment;
  const work = step?.op === 'rendezvous' || listened ? moments[moment] : undefined;
  if (work === undefined) {
    throw new RuntimeError({
      code: 'internal',
      message: `nothing to do at step ${report.step}`,
      step: report.step,
    });
  }
  const { pid, pidfd, channel } = spawned;
  const fd = listened
    ? onHost(
        "unable to take the seccomp filter's listener",
        () => binding.takeDescriptor(pidfd, report.errno, channel),
        { pointer: step.origin, hint: 'pidfd_getfd(2) needs CAP_SYS_PTRACE' },
      )
    : report.fd;
  if (listened && fd === undefined) return;
  const given = work({ pid, pidfd, origin: step?.origin ?? '', ...(fd !== undefined && { fd }) });
  goOn(binding, channel, Array.isArray(given) ? (given as number[]) : []);
}

/** Hands over what it waits for, and keeps nothing of it. */
function goOn(binding: Binding, channel: number, fds: readonly number[]): void {
  try {
    onHost('unable to let the init go on', () => {
      if (fds.length === 0) binding.resume(channel);
      else binding.resume(channel, { fds });
    });
  } finally {
    for (const fd of fds) binding.close(fd);
  }
}

/** The end of the channel is the exec: it closes what the init held. */
export function awaitExec(binding: Binding, { plan, config }: Walk, channel: number): void {
  const report = onHost('unable to hear from the init', () => binding.awaitReport(channel));
  if (report.kind === 'failed') throw new RuntimeError(explainFailure(plan, report, config));
}

export function initError(failure: ErrorFields): RuntimeError {
  return new RuntimeError({ ...failure, message: `error during container init: ${failure.message}` });
}
