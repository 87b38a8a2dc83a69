// SPDX-License-Identifier: Apache-2.0
import type { CgroupWrite } from '../write.ts';

/** systemd counts in hundredths of a processor: what is finer is rounded up. */
export const quotaStep = 10_000n;

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
    if (perSecond % quotaStep === 0n) return write;
    const rounded = (perSecond / quotaStep + 1n) * quotaStep;
    return { ...write, value: `${(rounded * BigInt(period)) / 1_000_000n} ${period}` };
  });
}
