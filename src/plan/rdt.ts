// SPDX-License-Identifier: Apache-2.0
import type { Config } from '../oci/config.ts';
import type { RdtRequest } from '../rdt/group.ts';
import type { Facility, NoSteps } from './facility.ts';
import type { HostStepOf } from './plan.ts';

/** Steps of the runtime. */
export interface RdtSteps {
  /** Finds or makes a class of service of resctrl. */
  readonly makeRdtGroup: { readonly when: 'before' } & RdtRequest;
  /** Moves the init into its class of service. */
  readonly joinRdtGroup: { readonly when: 'after' };
}

/** linux.intelRdt */
export function rdtSteps(config: Config): [HostStepOf<'makeRdtGroup'>, HostStepOf<'joinRdtGroup'>] | [] {
  const rdt = config.linux?.intelRdt;
  if (rdt === undefined) return [];
  const { closID = '', l3CacheSchema = '', memBwSchema = '', schemata = [], enableMonitoring = false } = rdt;
  return [
    {
      op: 'makeRdtGroup',
      when: 'before',
      closID,
      schemas: [l3CacheSchema, memBwSchema].filter(text => text !== ''),
      schemata: schemata.filter(line => line !== ''),
      monitoring: enableMonitoring,
      origin: '/linux/intelRdt',
    },
    { op: 'joinRdtGroup', when: 'after', origin: '/linux/intelRdt' },
  ];
}

export const rdtFacility: Facility<NoSteps, RdtSteps> = {
  steps: {},
  hostTexts: {
    joinRdtGroup: () => '',
    makeRdtGroup: ({ closID, schemas, schemata, monitoring }) => {
      const lines = [...schemas, ...schemata].map(line => JSON.stringify(line)).join(' ');
      const words = [closID !== '' && `closID=${closID}`, `schemata=[${lines}]`, monitoring && 'monitoring'];
      return words.filter(Boolean).join(' ');
    },
  },
};
