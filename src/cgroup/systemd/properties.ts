// SPDX-License-Identifier: Apache-2.0
import { lookUp } from '../../oci/look-up.ts';
import type { CgroupWrite } from '../write.ts';
import { wholeQuota } from './quota.ts';
import type { Value, Variant } from './types.ts';

/** A unit property in the form of systemd's D-Bus interface. */
export interface Property {
  readonly name: string;
  readonly value: Variant;
}

/** systemd's value for no limit. */
const infinity = (1n << 64n) - 1n;

/** Control files whose value is one number or `max`. */
const numbers: Readonly<Record<string, string>> = {
  'pids.max': 'TasksMax',
  'memory.max': 'MemoryMax',
  'memory.high': 'MemoryHigh',
  'memory.low': 'MemoryLow',
  'memory.min': 'MemoryMin',
  'memory.swap.max': 'MemorySwapMax',
  'cpu.weight': 'CPUWeight',
};

const ioLimits: Readonly<Record<string, string>> = {
  rbps: 'IOReadBandwidthMax',
  wbps: 'IOWriteBandwidthMax',
  riops: 'IOReadIOPSMax',
  wiops: 'IOWriteIOPSMax',
};

/** The first version of systemd with the property, if that is later than its first version with cgroup version 2. */
const since: Readonly<Record<string, number>> = {
  CPUQuotaPeriodUSec: 242,
  AllowedCPUs: 244,
  AllowedMemoryNodes: 244,
};
/** From this version on, CPUWeight 0 makes the cgroup idle. */
const idleSince = 252;

/**
 * Converts the values of control files to unit properties, if systemd has such properties. Without them, systemd
 * would overwrite the files with its own values and show wrong ones. Other values are only in the files.
 *
 * @param version - of systemd
 */
export function unitProperties(writes: readonly CgroupWrite[], version: number): Property[] {
  const properties = new Map<string, Variant>();
  for (const write of writes) {
    for (const { name, value } of propertiesOf(write, version)) {
      const before = properties.get(name)?.value;
      // Lists of devices accumulate; for other properties the last value applies, like in the files.
      const joined = value.signature === 'a(st)' && Array.isArray(before);
      properties.set(
        name,
        joined ? { ...value, value: [...before, ...(value.value as readonly Value[])] } : value,
      );
    }
  }
  return [...properties].map(([name, value]) => ({ name, value }));
}

function propertiesOf(write: CgroupWrite, version: number): Property[] {
  const { file, value, otherwise } = write;
  const plain = lookUp(numbers, file);
  if (plain !== undefined) return numberOf(plain, value);
  const known = (name: string): boolean => version >= (lookUp(since, name) ?? 0);
  switch (file) {
    case 'cpu.idle':
      return value.trim() === '1' && version >= idleSince ? [unsigned('CPUWeight', 0n)] : [];
    case 'cpu.max':
      return bandwidth(value).filter(({ name }) => known(name));
    case 'cpuset.cpus':
      return known('AllowedCPUs') ? mask('AllowedCPUs', value) : [];
    case 'cpuset.mems':
      return known('AllowedMemoryNodes') ? mask('AllowedMemoryNodes', value) : [];
    case 'io.bfq.weight':
      return otherwise === undefined ? [] : ioWeight(otherwise.value);
    case 'io.weight':
      return ioWeight(value);
    case 'io.max':
      return ioMax(value);
    default:
      return [];
  }
}

function unsigned(name: string, value: bigint): Property {
  return { name, value: { signature: 't', value } };
}

function numberOf(name: string, text: string): Property[] {
  const word = text.trim();
  if (word === 'max') return [unsigned(name, infinity)];
  return /^\d+$/.test(word) ? [unsigned(name, BigInt(word))] : [];
}

function bandwidth(text: string): Property[] {
  const [quota = '', period = '100000'] = text.trim().split(/\s+/);
  if (!/^\d+$/.test(period) || !/^(max|\d+)$/.test(quota)) return [];
  const perSecond = quota === 'max' ? infinity : wholeQuota((BigInt(quota) * 1_000_000n) / BigInt(period));
  return [unsigned('CPUQuotaPerSecUSec', perSecond), unsigned('CPUQuotaPeriodUSec', BigInt(period))];
}

/** Converts a list such as `0-3,7` to a bit mask, lowest number in the first byte. */
function mask(name: string, list: string): Property[] {
  const bytes: number[] = [];
  for (const part of list.trim().split(',')) {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part.trim()) ?? [];
    if (first === undefined || last === undefined) return [];
    for (let bit = Number(first); bit <= Math.min(Number(last), 8191); bit++) {
      const at = bit >> 3;
      while (bytes.length <= at) bytes.push(0);
      bytes[at] = (bytes[at] as number) | (1 << (bit & 7));
    }
  }
  return [{ name, value: { signature: 'ay', value: bytes } }];
}

function ioWeight(text: string): Property[] {
  const [, device, weight] = /^(?:default\s+|(\d+:\d+)\s+)?(\d+)$/.exec(text.trim()) ?? [];
  if (weight === undefined) return [];
  if (device === undefined) return [unsigned('IOWeight', BigInt(weight))];
  return [perDevice('IODeviceWeight', device, BigInt(weight))];
}

function ioMax(text: string): Property[] {
  const [device = '', ...limits] = text.trim().split(/\s+/);
  const properties: Property[] = [];
  for (const limit of limits) {
    const [key = '', value = ''] = limit.split('=');
    const name = lookUp(ioLimits, key);
    if (name === undefined || !/^(max|\d+)$/.test(value)) continue;
    properties.push(perDevice(name, device, value === 'max' ? infinity : BigInt(value)));
  }
  return properties;
}

/** systemd identifies devices by path; this path exists for every device. */
function perDevice(name: string, device: string, value: bigint): Property {
  return { name, value: { signature: 'a(st)', value: [[`/dev/block/${device}`, value]] } };
}
