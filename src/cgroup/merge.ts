// SPDX-License-Identifier: Apache-2.0
import type {
  BlockIO,
  CPU,
  HugepageLimit,
  Memory,
  Resources,
  ThrottleDevice,
  WeightDevice,
} from '../oci/resources.ts';
import { isNumber, isUnset } from './write.ts';

/**
 * Returns the resources that apply after an update, by runc's rules. Most values stay until another value is given;
 * entries for block devices are replaced individually. Cpusets, burst, idle, pids and unified are dropped if the update does not
 * contain them: the control files keep them, and a later update does not write them again.
 */
export function mergeResources(stored: Resources, update: Resources): Resources {
  const { network } = stored;
  // The last matching device rule decides, therefore a new list replaces the whole old one.
  const devices = (update.devices ?? []).length > 0 ? update.devices : stored.devices;
  const { pids, unified } = update;
  const hugepageLimits = upserted(stored.hugepageLimits, update.hugepageLimits, limit => limit.pageSize);
  return {
    ...(devices !== undefined && { devices }),
    memory: mergeMemory(stored.memory ?? {}, update.memory ?? {}),
    cpu: mergeCpu(stored.cpu ?? {}, update.cpu ?? {}),
    ...(pids !== undefined && { pids }),
    blockIO: mergeBlockIO(stored.blockIO ?? {}, update.blockIO ?? {}),
    ...(hugepageLimits.length > 0 && { hugepageLimits: hugepageLimits as readonly HugepageLimit[] }),
    ...(network !== undefined && { network }),
    rdma: { ...stored.rdma, ...update.rdma },
    ...(unified !== undefined && { unified }),
  };
}

function mergeMemory(stored: Memory, update: Memory): Memory {
  const merged: { -readonly [Name in keyof Memory]: Memory[Name] } = { ...stored, ...update };
  // An unlimited memory limit removes the swap limit, unless the update sets `swap`.
  if (isNumber(update.limit, -1) && update.swap === undefined) delete merged.swap;
  if (update.checkBeforeUpdate === undefined) delete merged.checkBeforeUpdate;
  return merged;
}

function mergeCpu(stored: CPU, update: CPU): CPU {
  const { shares, quota, period } = stored;
  // If only quota or period is given, the other keeps its stored value; if neither is, both are dropped.
  const keepsBandwidth = isUnset(update.quota) !== isUnset(update.period);
  return {
    ...(shares !== undefined && update.idle === undefined && { shares }),
    ...(keepsBandwidth && quota !== undefined && { quota }),
    ...(keepsBandwidth && period !== undefined && { period }),
    ...withoutUnset(update, keepsBandwidth ? ['quota', 'period'] : []),
  };
}

/** Removes the named members that are 0. */
function withoutUnset(cpu: CPU, names: readonly ('quota' | 'period')[]): CPU {
  const left: { -readonly [Name in keyof CPU]: CPU[Name] } = { ...cpu };
  for (const name of names) if (isUnset(left[name])) delete left[name];
  return left;
}

const throttles = [
  'throttleReadBpsDevice',
  'throttleWriteBpsDevice',
  'throttleReadIOPSDevice',
  'throttleWriteIOPSDevice',
] as const;

function mergeBlockIO(stored: BlockIO, update: BlockIO): BlockIO {
  const merged: { -readonly [Name in keyof BlockIO]: BlockIO[Name] } = { ...stored, ...update };
  const number = (device: WeightDevice | ThrottleDevice): string => `${device.major}:${device.minor}`;
  const weights = upserted(stored.weightDevice, update.weightDevice, number);
  if (weights.length > 0) merged.weightDevice = weights;
  for (const name of throttles) {
    const devices = upserted(stored[name], update[name], number);
    if (devices.length > 0) merged[name] = devices;
  }
  return merged;
}

/** New entries are appended; an entry with an existing name replaces the old one in its position. */
function upserted<T>(
  stored: readonly T[] = [],
  update: readonly T[] = [],
  nameOf: (entry: T) => string,
): readonly T[] {
  const merged = new Map<string, T>();
  for (const entry of [...stored, ...update]) merged.set(nameOf(entry), entry);
  return [...merged.values()];
}
