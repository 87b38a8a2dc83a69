// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { withWholeQuotas } from '../../../../src/cgroup/systemd/quota.ts';
import type { CgroupWrite } from '../../../../src/cgroup/write.ts';

const write = (value: string, others: Partial<CgroupWrite> = {}): CgroupWrite => ({
  file: 'cpu.max',
  value,
  origin: '/cpu/quota',
  controller: 'cpu',
  ...others,
});

it.each([
  ['50000 100000', '50000 100000'],
  ['500000 900000', '504000 900000'],
  ['33333 100000', '34000 100000'],
  ['1 1000000', '10000 1000000'],
  ['max 100000', 'max 100000'],
])('%s is %s', (requested, rounded) => expect(withWholeQuotas([write(requested)])).toEqual([write(rounded)]));

it.each<Partial<CgroupWrite>>([{ origin: '/unified/cpu.max' }, { file: 'cpu.max.burst' }])(
  'of %j nothing is rounded',
  others => {
    const requested = [write('500000 900000', others)];
    expect(withWholeQuotas(requested)).toEqual(requested);
  },
);
