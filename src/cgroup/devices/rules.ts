// SPDX-License-Identifier: Apache-2.0
import type { DeviceCgroup } from '../../oci/resources.ts';

/** Kinds of access, as bits: BPF_DEVCG_ACC_* of linux/bpf.h. */
export const access = { mknod: 1, read: 2, write: 4 } as const;

export const wholeAccess = access.mknod | access.read | access.write;

/** One complete rule. The last matching rule decides, separately for each kind of access. */
export interface DeviceRule {
  readonly allow: boolean;
  /** `a`: character and block devices. */
  readonly type: 'a' | 'c' | 'b';
  /** undefined matches every number. */
  readonly major: number | undefined;
  readonly minor: number | undefined;
  /** Bits of `access`. */
  readonly access: number;
}

const letters: Readonly<Record<string, number>> = { r: access.read, w: access.write, m: access.mknod };

/**
 * Access that every container has, independent of its config: create any node, use the devices of its own /dev and
 * terminals, and create tunnels in its own network namespace.
 */
const defaults: readonly DeviceRule[] = [
  allowed('c', undefined, undefined, access.mknod),
  allowed('b', undefined, undefined, access.mknod),
  allowed('c', 1, 3), // null
  allowed('c', 1, 5), // zero
  allowed('c', 1, 7), // full
  allowed('c', 1, 8), // random
  allowed('c', 1, 9), // urandom
  allowed('c', 5, 0), // tty
  allowed('c', 5, 2), // ptmx
  allowed('c', 136), // pts
  allowed('c', 10, 200), // net/tun
];

function allowed(type: 'c' | 'b', major?: number, minor?: number, mask: number = wholeAccess): DeviceRule {
  return { allow: true, type, major, minor, access: mask };
}

/** Returns the rules of a checked config, followed by the default rules. A device that no rule matches is denied. */
export function containerDeviceRules(configured: readonly DeviceCgroup[] = []): DeviceRule[] {
  return [...configuredDeviceRules(configured), ...defaults];
}

/** Returns the rules of the config without the default rules. */
export function configuredDeviceRules(configured: readonly DeviceCgroup[]): DeviceRule[] {
  return configured.map(rule => ({
    allow: rule.allow,
    type: (rule.type ?? 'a') as DeviceRule['type'],
    major: numberOf(rule.major),
    minor: numberOf(rule.minor),
    access: accessMask(rule.access ?? ''),
  }));
}

/** -1 means every number. */
function numberOf(number: number | bigint | undefined): number | undefined {
  return number === undefined || number < 0 ? undefined : Number(number);
}

/** Converts letters such as `rw` to bits. */
export function accessMask(text: string): number {
  let mask = 0;
  for (const letter of text) mask |= letters[letter] ?? 0;
  return mask;
}

/** `allow c 136:* rwm` */
export function ruleText(rule: DeviceRule): string {
  const words = Object.keys(letters).filter(letter => (rule.access & (letters[letter] ?? 0)) !== 0);
  const { allow, type, major = '*', minor = '*' } = rule;
  return `${allow ? 'allow' : 'deny'} ${type} ${major}:${minor} ${words.join('')}`;
}

/** Up to this length, comparing every pair of rules is faster than looking rules up. */
export const fewRules = 64;

/** Two rules for the same devices have the same key. */
export function devicesKey({ type, major, minor }: DeviceRule): string {
  return `${type}${major ?? '*'}:${minor ?? '*'}`;
}

/** The keys of all rules that match every device of this one, its own first. */
export function widerKeys({ type, major, minor }: DeviceRule): string[] {
  const keys: string[] = [];
  const add = (kind: DeviceRule['type']): void => {
    keys.push(`${kind}${major ?? '*'}:${minor ?? '*'}`);
    if (major !== undefined) keys.push(`${kind}*:${minor ?? '*'}`);
    if (minor !== undefined) keys.push(`${kind}${major ?? '*'}:*`);
    if (major !== undefined && minor !== undefined) keys.push(`${kind}*:*`);
  };
  add(type);
  if (type !== 'a') add('a');
  return keys;
}

/** Returns true if `outer` matches every device that `inner` matches, regardless of the access. */
export function covers(outer: DeviceRule, inner: DeviceRule): boolean {
  return (
    (outer.type === 'a' || outer.type === inner.type) &&
    (outer.major === undefined || outer.major === inner.major) &&
    (outer.minor === undefined || outer.minor === inner.minor)
  );
}

/** Returns true if both rules may match the same access to the same device. */
export function overlaps(one: DeviceRule, other: DeviceRule): boolean {
  return (
    (one.access & other.access) !== 0 &&
    (one.type === 'a' || other.type === 'a' || one.type === other.type) &&
    (one.major === undefined || other.major === undefined || one.major === other.major) &&
    (one.minor === undefined || other.minor === undefined || one.minor === other.minor)
  );
}
