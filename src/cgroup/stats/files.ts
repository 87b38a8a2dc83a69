// SPDX-License-Identifier: Apache-2.0
import { errno } from '../../errors/errno.ts';
import { isSystemError } from '../../errors/system.ts';
import type { Binding } from '../../host/binding.d.ts';
import type { Integer } from '../../oci/config.ts';

/** Stands for `max`, as in version 1. */
export const noLimit = 18446744073709551615n;

/** A file of a cgroup; undefined when its controller, or the cgroup itself, is not there. */
export function fileText(binding: Binding, cgroup: string, name: string): string | undefined {
  try {
    return binding.readTextIfThere(`${cgroup}/${name}`);
  } catch (error) {
    // ENODEV: removed under us. EOPNOTSUPP: pressure without PSI, or a threaded cgroup.
    const absent: readonly number[] = [errno.ENODEV, errno.EOPNOTSUPP];
    if (isSystemError(error) && absent.includes(error.errno)) return undefined;
    throw error;
  }
}

/** The lines of a text. */
export function linesOf(text: string | undefined): string[] {
  return (text ?? '').split('\n').filter(line => line !== '');
}

/** `name value` lines, and those of io.max and the like by their first word. */
export function keyed(text: string | undefined): Map<string, bigint> {
  const found = new Map<string, bigint>();
  for (const line of linesOf(text)) {
    const [name = '', value = ''] = line.split(' ');
    const number = parse(value);
    if (number !== undefined) found.set(name, number);
  }
  return found;
}

/** A file of one number, or `max`. undefined when it is not there. */
export function fileNumber(binding: Binding, cgroup: string, name: string): bigint | undefined {
  const text = fileText(binding, cgroup, name)?.trim();
  return text === undefined ? undefined : parse(text);
}

export function parse(text: string): bigint | undefined {
  if (text === 'max') return noLimit;
  return /^\d+$/.test(text) ? BigInt(text) : undefined;
}

/** An ordinary number where that is exact. */
export function integer(value: bigint | undefined): Integer {
  if (value === undefined) return 0;
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/** Without the members that are 0. */
export function nonzero<T extends Readonly<Record<string, Integer>>>(members: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== 0 && value !== 0n),
  ) as Partial<T>;
}
