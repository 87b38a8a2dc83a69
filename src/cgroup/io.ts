// SPDX-License-Identifier: Apache-2.0
import type { Integer } from '../oci/config.ts';
import type { BlockIO } from '../oci/resources.ts';
import { type CgroupWrite, isUnset, optionalIf, type ResourceContext } from './write.ts';

const throttles = [
  ['throttleReadBpsDevice', 'rbps'],
  ['throttleWriteBpsDevice', 'wbps'],
  ['throttleReadIOPSDevice', 'riops'],
  ['throttleWriteIOPSDevice', 'wiops'],
] as const;

/**
 * Writes the weights to io.bfq.weight, or to io.weight if the first file is missing; then io.max with one device and
 * one limit in each write, which keeps the other limits.
 */
export function ioWrites(blockIO: BlockIO | undefined, context: ResourceContext): CgroupWrite[] {
  if (blockIO === undefined) return [];
  const origin = `${context.origin}/blockIO`;
  const writes: CgroupWrite[] = [];
  const leafWeight = (pointer: string): void =>
    context.warn(
      pointer,
      'leafWeight is ignored: cgroup version 2 has no weight for the processes of a cgroup alone',
    );
  const weight = (device: string, value: Integer, pointer: string): void => {
    writes.push({
      file: 'io.bfq.weight',
      value: `${device}${value}`,
      origin: pointer,
      controller: 'io',
      otherwise: { file: 'io.weight', value: `${device}${ioWeight(Number(value))}` },
    });
  };
  if (!isUnset(blockIO.weight)) weight('', blockIO.weight, `${origin}/weight`);
  if (!isUnset(blockIO.leafWeight)) leafWeight(`${origin}/leafWeight`);
  for (const [index, device] of blockIO.weightDevice?.entries() ?? []) {
    const pointer = `${origin}/weightDevice/${index}`;
    if (!isUnset(device.weight))
      weight(`${device.major}:${device.minor} `, device.weight, `${pointer}/weight`);
    if (!isUnset(device.leafWeight)) leafWeight(`${pointer}/leafWeight`);
  }
  for (const [property, key] of throttles) {
    for (const [index, { major, minor, rate }] of blockIO[property]?.entries() ?? []) {
      writes.push({
        file: 'io.max',
        value: `${major}:${minor} ${key}=${isUnset(rate) ? 'max' : rate}`,
        origin: `${origin}/${property}/${index}`,
        controller: 'io',
        ...optionalIf(isUnset(rate)),
      });
    }
  }
  return writes;
}

/** Converts 10 to 1000 to 1 to 10000. */
export function ioWeight(weight: number): number {
  return Math.trunc(1 + ((weight - 10) * 9999) / 990);
}
