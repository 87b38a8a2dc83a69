// SPDX-License-Identifier: Apache-2.0
import { errno } from '../../errors/errno.ts';
import { isSystemError } from '../../errors/system.ts';
import type { Binding } from '../../host/binding.d.ts';
import type { Integer } from '../../oci/config.ts';

/** The value for `max`, the same as in cgroup version 1. */
export const noLimit = 18446744073709551615n;

/** Reads a file of a cgroup; undefined if the controller or the cgroup is missing. */
export function fileText(binding: Binding, cgroup: string, name: string): string | undefined {
  try {
    return binding.readTextIfThere(`${cgroup}/${name}`);
  } catch (error) {
    // ENODEV: the cgroup was removed meanwhile. EOPNOTSUPP: the kernel has PSI disabled, or the cgroup is threaded.
    const absent: readonly number[] = [errno.ENODEV, errno.EOPNOTSUPP];
    if (isSystemError(error) && absent.includes(error.errno)) return undefined;
    throw error;
  }
}

export function linesOf(text: string | undefined): string[] {
  return (text ?? '').split('\n').filter(line => line !== '');
}

/** Parses `name value` lines. A line with more fields, such as one of io.max, is keyed by its first word. */
export function keyed(text: string | undefined): Map<string, bigint> {
  const found = new Map<string, bigint>();
  for (const line of linesOf(text)) {
    const [name = '', value = ''] = line.split(' ');
    const number = parse(value);
    if (number !== undefined) found.set(name, number);
  }
  return found;
}

/** Reads a file that contains one number or `max`; undefined if it is missing. */
export function fileNumber(binding: Binding, cgroup: string, name: string): bigint | undefined {
  const text = fileText(binding, cgroup, name)?.trim();
  return text === undefined ? undefined : parse(text);
}

export function parse(text: string): bigint | undefined {
  if (text === 'max') return noLimit;
  return /^\d+$/.test(text) ? BigInt(text) : undefined;
}

/** Returns a plain number if it is exact. */
export function integer(value: bigint | undefined): Integer {
  if (value === undefined) return 0;
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/** Removes the members that are 0. */
export function nonzero<T extends Readonly<Record<string, Integer>>>(members: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== 0 && value !== 0n),
  ) as Partial<T>;
}
