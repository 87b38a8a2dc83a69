// SPDX-License-Identifier: Apache-2.0
import type { RdtRequest } from '../rdt/group.ts';
import type { CgroupRequest } from './cgroup.ts';
import type { PlanContext } from './context.ts';
import type { Facility, NoSteps } from './facility.ts';
import { hasNamespace } from './namespaces.ts';
import type { HostStepOf } from './plan.ts';
import { type UpperRequest, upperRequest } from './root-mount.ts';

/** Steps of the runtime. */
export interface RecordSteps {
  /** Makes the state directory and locks it. */
  readonly makeState: { readonly when: 'before' };
  /**
   * Writes the record and a copy of config.json: `delete --force` finds the objects of the following steps through
   * them.
   */
  readonly saveRecord: {
    readonly when: 'before';
    readonly cgroup?: CgroupRequest;
    readonly rdt?: RdtRequest;
    /** The container's mounts are in the runtime's mount namespace. */
    readonly sharesMounts: boolean;
    /** The record claims the directories that the root writes into. */
    readonly upper?: UpperRequest;
  };
  /** Writes the data of the plan that `exec` and a failed `start` need. */
  readonly saveExecData: { readonly when: 'after' };
  /** Writes the record again, with the init. */
  readonly saveInit: { readonly when: 'ready' };
}

export function saveRecordStep(
  context: PlanContext,
  cgroup: CgroupRequest | undefined,
  rdt: RdtRequest | undefined,
): HostStepOf<'saveRecord'> {
  return {
    op: 'saveRecord',
    when: 'before',
    ...(cgroup !== undefined && { cgroup }),
    ...(rdt !== undefined && { rdt }),
    sharesMounts: !hasNamespace(context.config, 'mount'),
    ...upperRequest(context),
    origin: '',
  };
}

/** The files of the state directory. */
export const recordFacility: Facility<NoSteps, RecordSteps> = {
  steps: {},
  hostTexts: {
    makeState: () => '',
    saveExecData: () => '',
    saveInit: () => '',
    saveRecord: ({ sharesMounts, upper }) => {
      const words = [
        sharesMounts && 'sharesMounts',
        upper && `upper=${upper.path} work=${upper.work}`,
        upper?.volatile && 'volatile',
      ];
      return words.filter(Boolean).join(' ');
    },
  },
};
