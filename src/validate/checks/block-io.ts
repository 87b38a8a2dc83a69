// SPDX-License-Identifier: Apache-2.0
import { isUnset } from '../../cgroup/write.ts';
import type { BlockIO } from '../../oci/resources.ts';
import type { Draft } from '../context.ts';
import type { ReportProblem } from './resources.ts';

const spec = 'config-linux.md#block-io';

const deviceLists = [
  'weightDevice',
  'throttleReadBpsDevice',
  'throttleWriteBpsDevice',
  'throttleReadIOPSDevice',
  'throttleWriteIOPSDevice',
] as const;

export function blockIOProblems(blockIO: Draft<BlockIO>, report: ReportProblem): void {
  const checkWeight = (at: readonly (string | number)[], weight: number | undefined): void => {
    if (isUnset(weight) || (weight >= 10 && weight <= 1000)) return;
    const message = `the weight ${weight} is not from 10 to 1000`;
    report(at, { code: 'weight', message, value: String(weight), hint: '0 leaves it unchanged', spec });
  };
  for (const name of ['weight', 'leafWeight'] as const) checkWeight(['blockIO', name], blockIO[name]);
  for (const list of deviceLists) {
    for (const [index, device] of blockIO[list]?.entries() ?? []) {
      for (const name of ['major', 'minor'] as const) {
        const number = device[name];
        if (number === undefined || number >= 0) continue;
        const message = `the ${name} number of a device cannot be ${number}`;
        report(['blockIO', list, index, name], {
          code: 'block-device',
          message,
          value: String(number),
          spec,
        });
      }
      if (list !== 'weightDevice') continue;
      const { weight, leafWeight } = blockIO.weightDevice?.[index] ?? {};
      checkWeight(['blockIO', list, index, 'weight'], weight);
      checkWeight(['blockIO', list, index, 'leafWeight'], leafWeight);
    }
  }
}
