// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import type { Source } from '../lifecycle/source-location.ts';
import type { RdtUpdate } from '../oci/config-linux.ts';
import type { Resources } from '../oci/resources.ts';

type Options = Readonly<Record<string, unknown>>;
type Parse = (text: string) => bigint | string | undefined;

/** The property and the parser for each option. An empty value is ignored. */
const table: readonly (readonly [option: string, group: string, property: string, parse: Parse])[] = [
  ['memory', 'memory', 'limit', size],
  ['memory-reservation', 'memory', 'reservation', size],
  ['memory-swap', 'memory', 'swap', size],
  ['kernel-memory', 'memory', 'kernel', size],
  ['kernel-memory-tcp', 'memory', 'kernelTCP', size],
  ['cpu-quota', 'cpu', 'quota', signed],
  ['cpu-period', 'cpu', 'period', unsigned],
  ['cpu-burst', 'cpu', 'burst', unsigned],
  ['cpu-share', 'cpu', 'shares', unsigned],
  ['cpu-idle', 'cpu', 'idle', signed],
  ['cpu-rt-period', 'cpu', 'realtimePeriod', unsigned],
  ['cpu-rt-runtime', 'cpu', 'realtimeRuntime', signed],
  ['cpuset-cpus', 'cpu', 'cpus', text => text],
  ['cpuset-mems', 'cpu', 'mems', text => text],
  ['pids-limit', 'pids', 'limit', signed],
  ['blkio-weight', 'blockIO', 'weight', unsigned],
];

/**
 * Converts the options to a resources document.
 *
 * @throws RuntimeError `usage.bad-value`
 */
export function resourcesOf(options: Options): Resources {
  const groups: Record<string, Record<string, unknown>> = {};
  for (const [option, group, property, parse] of table) {
    const text = given(options, option);
    if (text === undefined) continue;
    const value = parse(text);
    if (value === undefined) {
      throw new RuntimeError({
        code: 'usage.bad-value',
        message: `invalid value ${JSON.stringify(text)} for --${option}`,
        value: text,
        hint:
          parse === size
            ? 'use a number of bytes, or a number and a unit such as 64M or 1.5g; -1 means no limit'
            : 'use a whole number',
      });
    }
    groups[group] = { ...groups[group], [property]: value };
  }
  return groups as Resources;
}

/** Returns the option for a pointer into that document: its own, otherwise the first given option of the same group. */
export function optionSource(options: Options): (pointer: string) => Source {
  const rows = table.filter(([option]) => given(options, option) !== undefined);
  return pointer => {
    const [, group, property] = pointer.split('/');
    const row =
      rows.find(row => row[1] === group && row[2] === property) ?? rows.find(row => row[1] === group);
    return { option: row && `--${row[0]}` };
  };
}

function given(options: Options, option: string): string | undefined {
  const value = options[option.replace(/-[a-z]/g, dashed => dashed.slice(1).toUpperCase())];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Returns the resctrl options; undefined if none is given. */
export function rdtOf(options: Options): RdtUpdate | undefined {
  const l3CacheSchema = given(options, 'l3-cache-schema');
  const memBwSchema = given(options, 'mem-bw-schema');
  if (l3CacheSchema === undefined && memBwSchema === undefined) return undefined;
  return {
    ...(l3CacheSchema !== undefined && { l3CacheSchema }),
    ...(memBwSchema !== undefined && { memBwSchema }),
  };
}

const limit64 = 1n << 64n;

function unsigned(text: string): bigint | undefined {
  if (!/^\d+$/.test(text)) return undefined;
  const value = BigInt(text);
  return value < limit64 ? value : undefined;
}

function signed(text: string): bigint | undefined {
  if (!/^[-+]?\d+$/.test(text)) return undefined;
  const value = BigInt(text.replace('+', ''));
  return value >= -limit64 / 2n && value < limit64 / 2n ? value : undefined;
}

/** Parses bytes with a unit in powers of 1024 (`K`, `KB` and `KiB` are the same); -1 means no limit. */
function size(text: string): bigint | undefined {
  if (text === '-1') return -1n;
  const found = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(text);
  if (found === null) return undefined;
  const [, number = '', unit = ''] = found;
  const shift = BigInt(10 * ' kmgtp'.indexOf(unit === '' ? ' ' : unit.toLowerCase()));
  const [whole = '0', part = ''] = number.split('.');
  // Uses integers because a double cannot represent every number of bytes exactly.
  const scale = 10n ** BigInt(part.length);
  const value = (BigInt(whole + part) << shift) / scale;
  return value < limit64 / 2n ? value : undefined;
}
