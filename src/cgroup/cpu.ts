// SPDX-License-Identifier: Apache-2.0
import type { Integer } from '../oci/config.ts';
import type { CPU } from '../oci/resources.ts';
import { type CgroupWrite, isNumber, isUnset, optionalIf, type ResourceContext } from './write.ts';

const defaultPeriod = 100000;

/** Writes cpu.idle, cpu.weight, cpu.max and cpu.max.burst. The kernel accepts a weight only if cpu.idle is 0. */
export function cpuWrites(cpu: CPU | undefined, context: ResourceContext): CgroupWrite[] {
  if (cpu === undefined) return [];
  const write = (file: string, property: string, value: string, optional = false): CgroupWrite => ({
    file,
    value,
    origin: `${context.origin}/cpu/${property}`,
    controller: 'cpu',
    ...optionalIf(optional),
  });
  for (const name of ['realtimeRuntime', 'realtimePeriod'] as const) {
    if (!isUnset(cpu[name])) {
      context.warn(
        `${context.origin}/cpu/${name}`,
        `${name} is ignored: cgroup version 2 has no limits for realtime`,
      );
    }
  }
  const writes: CgroupWrite[] = [];
  const { idle, shares } = cpu;
  if (idle !== undefined) writes.push(write('cpu.idle', 'idle', String(idle), isNumber(idle, 0)));
  if (!isUnset(shares)) {
    if (isNumber(idle, 1)) {
      context.warn(
        `${context.origin}/cpu/shares`,
        'unable to apply both shares and idle, ignoring shares: an idle cgroup has the smallest weight',
      );
    } else {
      if (idle === undefined && context.read('cpu.idle')?.trim() === '1') {
        writes.push(write('cpu.idle', 'shares', '0'));
      }
      writes.push(write('cpu.weight', 'shares', String(weightOfShares(shares))));
    }
  }
  return [...writes, ...bandwidth(cpu, context, write)];
}

/**
 * Converts shares of cgroup version 1 (2 to 262144) to cpu.weight (1 to 10000). The conversion is quadratic in the
 * logarithm: it maps the ends to the ends and the default 1024 to the default 100.
 */
export function weightOfShares(shares: Integer): number {
  if (shares <= 2) return 1;
  if (shares >= 262144) return 10000;
  const log = Math.log2(Number(shares));
  return Math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34));
}

/** The kernel refuses a burst above the quota: write a smaller burst before cpu.max, a larger one after it. */
function bandwidth(
  { quota, period, burst }: CPU,
  { read }: ResourceContext,
  write: (file: string, property: string, value: string, optional?: boolean) => CgroupWrite,
): CgroupWrite[] {
  const max: CgroupWrite[] = [];
  if (!isUnset(quota) || !isUnset(period)) {
    const limited = !isUnset(quota) && quota > 0;
    const value = `${limited ? quota : 'max'} ${isUnset(period) ? defaultPeriod : period}`;
    max.push(write('cpu.max', isUnset(quota) ? 'period' : 'quota', value, !limited));
  }
  if (burst === undefined) return max;
  const present = Number(read('cpu.max.burst') ?? 0);
  const burstWrite = write('cpu.max.burst', 'burst', String(burst), isNumber(burst, 0));
  return burst < present ? [burstWrite, ...max] : [...max, burstWrite];
}
