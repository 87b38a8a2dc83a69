// SPDX-License-Identifier: Apache-2.0
import type { Binding } from '../../host/binding.d.ts';
import { access, type DeviceRule, wholeAccess } from '../devices/rules.ts';
import type { Property } from './properties.ts';

/**
 * Converts device rules to systemd's form: a list of allowed devices, everything else denied. Rules that this form
 * cannot express, and rules that allow everything, are omitted: the runtime's own program applies in addition to
 * systemd's.
 *
 * @param rules - simplified: the last matching rule decides, and a device that no rule matches is denied
 */
export function deviceProperties(binding: Binding, rules: readonly DeviceRule[] | undefined): Property[] {
  if (rules === undefined) return [];
  const devices: [string, string][] = [];
  for (const rule of rules) {
    const names = namesOf(binding, rule);
    const { type, major, minor } = rule;
    const all = type === 'a' && major === undefined && minor === undefined && rule.access === wholeAccess;
    if (!rule.allow || names === undefined || all) return [policy('auto')];
    for (const name of names) devices.push([name, letters(rule)]);
  }
  return [policy('strict'), { name: 'DeviceAllow', value: { signature: 'a(ss)', value: devices } }];
}

/** Clears the list in the unit. */
export const noDevices: Property = { name: 'DeviceAllow', value: { signature: 'a(ss)', value: [] } };

function policy(value: string): Property {
  return { name: 'DevicePolicy', value: { signature: 's', value } };
}

function letters({ access: mask }: DeviceRule): string {
  const has = (bit: number, letter: string): string => ((mask & bit) === 0 ? '' : letter);
  return has(access.read, 'r') + has(access.write, 'w') + has(access.mknod, 'm');
}

/** Returns undefined for a rule that systemd cannot express: a minor number with any major number. */
function namesOf(binding: Binding, { type, major, minor }: DeviceRule): string[] | undefined {
  const kinds = type === 'a' ? (['c', 'b'] as const) : [type];
  if (major === undefined) return minor === undefined ? kinds.map(kind => `${words[kind]}-*`) : undefined;
  return kinds.map(kind =>
    minor === undefined
      ? `${words[kind]}-${groupName(binding, kind, major) ?? major}`
      : `/dev/${words[kind]}/${major}:${minor}`,
  );
}

const words = { c: 'char', b: 'block' } as const;

/** Returns the driver name for a major number: systemd accepts the number itself only since version 240. */
function groupName(binding: Binding, kind: 'c' | 'b', major: number): string | undefined {
  const [characters = '', blocks = ''] = (binding.readTextIfThere('/proc/devices') ?? '').split(
    'Block devices:',
  );
  const line = new RegExp(`^ *${major} (\\S+)$`, 'm').exec(kind === 'c' ? characters : blocks);
  return line?.[1];
}
