// SPDX-License-Identifier: Apache-2.0
import type { Config } from '../oci/config.ts';
import type { HostStepOf } from './plan.ts';

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
