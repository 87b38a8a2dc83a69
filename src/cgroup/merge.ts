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
 * What holds after an update, with runc's rules: most values stay until another is given, and devices are replaced one by
 * one. What is asked for as a whole (cpusets, burst, idle, pids, unified) is forgotten when it is not asked for again:
 * the kernel's files keep it, and a later update does not write it anew.
 */
export function mergeResources(stored: Resources, asked: Resources): Resources {
  const { network } = stored;
  // A list of rules is one whole: the last that matches decides.
  const devices = (asked.devices ?? []).length > 0 ? asked.devices : stored.devices;
  const { pids, unified } = asked;
  const hugepageLimits = upserted(stored.hugepageLimits, asked.hugepageLimits, limit => limit.pageSize);
  return {
    ...(devices !== undefined && { devices }),
    memory: mergeMemory(stored.memory ?? {}, asked.memory ?? {}),
    cpu: mergeCpu(stored.cpu ?? {}, asked.cpu ?? {}),
    ...(pids !== undefined && { pids }),
    blockIO: mergeBlockIO(stored.blockIO ?? {}, asked.blockIO ?? {}),
    ...(hugepageLimits.length > 0 && { hugepageLimits: hugepageLimits as readonly HugepageLimit[] }),
    ...(network !== undefined && { network }),
    rdma: { ...stored.rdma, ...asked.rdma },
    ...(unified !== undefined && { unified }),
  };
}

function mergeMemory(stored: Memory, asked: Memory): Memory {
  const merged: { -readonly [Name in keyof Memory]: Memory[Name] } = { ...stored, ...asked };
  // Without a limit for memory there is none for swap either, unless one is asked for.
  if (isNumber(asked.limit, -1) && asked.swap === undefined) delete merged.swap;
  if (asked.checkBeforeUpdate === undefined) delete merged.checkBeforeUpdate;
  return merged;
}

function mergeCpu(stored: CPU, asked: CPU): CPU {
  const { shares, quota, period } = stored;
  // One without the other leaves the other as it was; neither of them means that the next one comes without the old.
  const keepsBandwidth = isUnset(asked.quota) !== isUnset(asked.period);
  return {
    ...(shares !== undefined && asked.idle === undefined && { shares }),
    ...(keepsBandwidth && quota !== undefined && { quota }),
    ...(keepsBandwidth && period !== undefined && { period }),
    ...withoutUnset(asked, keepsBandwidth ? ['quota', 'period'] : []),
  };
}

/** Without what is 0 among these. */
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

function mergeBlockIO(stored: BlockIO, asked: BlockIO): BlockIO {
  const merged: { -readonly [Name in keyof BlockIO]: BlockIO[Name] } = { ...stored, ...asked };
  const number = (device: WeightDevice | ThrottleDevice): string => `${device.major}:${device.minor}`;
  const weights = upserted(stored.weightDevice, asked.weightDevice, number);
  if (weights.length > 0) merged.weightDevice = weights;
  for (const name of throttles) {
    const devices = upserted(stored[name], asked[name], number);
    if (devices.length > 0) merged[name] = devices;
  }
  return merged;
}

/** New ones come last, and in the place of an old one of the same name. */
function upserted<T>(
  stored: readonly T[] = [],
  asked: readonly T[] = [],
  nameOf: (entry: T) => string,
): readonly T[] {
  const merged = new Map<string, T>();
  for (const entry of [...stored, ...asked]) merged.set(nameOf(entry), entry);
  return [...merged.values()];
}
