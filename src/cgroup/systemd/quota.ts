// SPDX-License-Identifier: Apache-2.0
import type { CgroupWrite } from '../write.ts';

const step = 10_000n;

/**
 * systemd counts in hundredths of a processor: what is finer is rounded up.
 *
 * @param perSecond - microseconds of processor time in a second
 */
export function wholeQuota(perSecond: bigint): bigint {
  return ((perSecond + step - 1n) / step) * step;
}

/**
 * The values with quotas as systemd will have them: it writes cpu.max anew whenever it sees to the unit, and then it would
 * be another. What `unified` asks for stays as it is, to the letter.
 */
export function withWholeQuotas(writes: readonly CgroupWrite[]): CgroupWrite[] {
  return writes.map(write => {
    const [, quota, period] = /^(\d+) (\d+)$/.exec(write.value) ?? [];
    if (write.file !== 'cpu.max' || write.origin.includes('/unified/')) return write;
    if (quota === undefined || period === undefined || /^0+$/.test(period)) return write;
    const perSecond = (BigInt(quota) * 1_000_000n) / BigInt(period);
    const rounded = wholeQuota(perSecond);
    if (rounded === perSecond) return write;
    return { ...write, value: `${(rounded * BigInt(period)) / 1_000_000n} ${period}` };
  });
}
