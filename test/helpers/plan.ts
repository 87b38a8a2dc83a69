// SPDX-License-Identifier: Apache-2.0
import type { HostFacts } from '../../src/host/facts.ts';
import type { Config, Linux, Mount, Process } from '../../src/oci/config.ts';
import { makePlan, type PlanOptions } from '../../src/plan/make-plan.ts';
import type { Plan } from '../../src/plan/plan.ts';
import type { Operation, Step } from '../../src/wire/steps.ts';

/** Capabilities 0 to 40. */
export const allCapabilities = (1n << 41n) - 1n;

/** A fictitious machine in the state in which systemd sets it up. */
export const facts: HostFacts = {
  kernel: { release: '6.18.0', major: 6, minor: 18 },
  machine: 'x86_64',
  euid: 0,
  egid: 0,
  capabilities: { bounding: allCapabilities, permitted: allCapabilities, last: 40 },
  ignoredSignals: 0n,
  cgroup: { layout: 'unified', mountpoint: '/sys/fs/cgroup', own: '/system.slice/engine.service' },
};

export interface PlanRequest {
  readonly process?: Partial<Process>;
  readonly linux?: Linux;
  readonly mounts?: readonly Mount[];
  readonly config?: Partial<Config>;
  readonly facts?: Partial<HostFacts>;
  readonly options?: Partial<PlanOptions>;
}

/** The plan of a small config with these changes. */
export function planFor(request: PlanRequest = {}): Plan {
  const config: Config = {
    ociVersion: '1.3.0',
    root: { path: 'rootfs' },
    process: {
      args: ['/bin/true'],
      cwd: '/',
      user: { uid: 0, gid: 0 },
      env: ['HOME=/root'],
      ...request.process,
    },
    ...(request.mounts && { mounts: request.mounts }),
    linux: { namespaces: [{ type: 'mount' }], ...request.linux },
    ...request.config,
  };
  return makePlan(
    config,
    { ...facts, ...request.facts },
    { id: 'jar', bundle: '/bundle', ...request.options },
  );
}

type StepOf<Op extends Operation> = Extract<Step, { readonly op: Op }>;

/** The steps with these operations, in the order of the plan. */
export function stepsOf<Op extends Operation>(plan: Plan, ...ops: Op[]): StepOf<Op>[] {
  return plan.container.filter((step): step is StepOf<Op> => (ops as string[]).includes(step.op));
}

/** The order in which the plan has these operations, without immediate repetitions. */
export function orderOf(plan: Plan, ...ops: Operation[]): Operation[] {
  const found = operations(plan).filter(op => ops.includes(op));
  return found.filter((op, index) => op !== found[index - 1]);
}

/** The operations in order. */
export function operations(plan: Plan): Operation[] {
  return plan.container.map(step => step.op);
}
