// SPDX-License-Identifier: Apache-2.0
import type { CgroupWrite } from '../write.ts';

const step = 10_000n;

/**
 * Rounds up to whole hundredths of a processor, the unit of systemd.
 *
 * @param perSecond - microseconds of processor time per second
 */
export function wholeQuota(perSecond: bigint): bigint {
  return ((perSecond + step - 1n) / step) * step;
}

/**
 * Rounds the quotas like systemd does. systemd rewrites cpu.max whenever it updates the unit, and would otherwise
 * change the value. Values from `unified` stay exactly as they are.
 */
export function withWholeQuotas<Write extends CgroupWrite>(writes: readonly Write[]): Write[] {
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
