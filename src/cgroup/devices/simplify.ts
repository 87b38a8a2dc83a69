// SPDX-License-Identifier: Apache-2.0
import { covers, type DeviceRule, devicesKey, fewRules, meets, wholeAccess, widerKeys } from './rules.ts';

/**
 * The same decisions with fewer rules: without what later rules decide anyhow, and without those that say what those
 * before them said. Where no rule matches it is denied. An empty list denies everything.
 */
export function simplify(rules: readonly DeviceRule[]): DeviceRule[] {
  return rules.length <= fewRules ? simplifyFew(rules) : simplifyMany(rules);
}

export function simplifyFew(rules: readonly DeviceRule[]): DeviceRule[] {
  // From the last to the first.
  const kept: DeviceRule[] = [];
  for (let i = rules.length - 1; i >= 0; i--) {
    const rule = rules[i] as DeviceRule;
    let { access } = rule;
    for (const later of kept) if (covers(later, rule)) access &= ~later.access;
    if (access !== 0) kept.push(access === rule.access ? rule : { ...rule, access });
  }
  const needed: DeviceRule[] = [];
  for (const rule of kept.reverse()) if (saysMore(rule, needed)) needed.push(rule);
  return needed;
}

/** False when all that the rule decides was decided so before. */
function saysMore(rule: DeviceRule, before: readonly DeviceRule[]): boolean {
  for (let i = before.length - 1; i >= 0; i--) {
    const other = before[i] as DeviceRule;
    if (other.allow !== rule.allow) {
      if (meets(other, rule)) return true;
    } else if ((rule.access & ~other.access) === 0 && covers(other, rule)) return false;
  }
  return rule.allow;
}

/** The same in a time that grows with the list, which may have thousands: what is known of others is looked up. */
export function simplifyMany(rules: readonly DeviceRule[]): DeviceRule[] {
  // From the last to the first.
  const kept: DeviceRule[] = [];
  /** The access that later rules decide, by what they speak of. */
  const decided = new Map<string, number>();
  for (let i = rules.length - 1; i >= 0; i--) {
    const rule = rules[i] as DeviceRule;
    let { access } = rule;
    for (const key of widerKeys(rule)) access &= ~(decided.get(key) ?? 0);
    if (access === 0) continue;
    kept.push(access === rule.access ? rule : { ...rule, access });
    const key = devicesKey(rule);
    decided.set(key, (decided.get(key) ?? 0) | access);
  }
  const needed = new NeededRules();
  for (const rule of kept.reverse()) if (needed.saysMore(rule)) needed.add(rule);
  return needed.list;
}

/** Of a rule by its access, and whether it allows: which is the last one. */
type Latest = number[];

class NeededRules {
  readonly list: DeviceRule[] = [];
  /** By what they speak of: the last one that decides all of an access. */
  private readonly covering = new Map<string, Latest>();
  /** By what they speak of, or one of its numbers: the last one that decides a part of an access. */
  private readonly meeting = new Map<string, Latest>();

  add(rule: DeviceRule): void {
    const index = this.list.push(rule) - 1;
    const { access } = rule;
    const covering = latestOf(this.covering, devicesKey(rule));
    const meeting = meetingKeys(rule).map(key => latestOf(this.meeting, key));
    for (let mask = 1; mask <= wholeAccess; mask++) {
      const slot = slotOf(rule.allow, mask);
      if ((mask & ~access) === 0) covering[slot] = index;
      if ((mask & access) !== 0) for (const latest of meeting) latest[slot] = index;
    }
  }

  /** False when all that the rule decides was decided so before. */
  saysMore(rule: DeviceRule): boolean {
    const same = last(this.covering, widerKeys(rule), slotOf(rule.allow, rule.access));
    const other = last(this.meeting, metKeys(rule), slotOf(!rule.allow, rule.access));
    if (same < 0 && other < 0) return rule.allow;
    return other > same;
  }
}

function slotOf(allow: boolean, access: number): number {
  return allow ? access : access + wholeAccess + 1;
}

function latestOf(map: Map<string, Latest>, key: string): Latest {
  let latest = map.get(key);
  if (latest === undefined) {
    latest = [];
    map.set(key, latest);
  }
  return latest;
}

/** -1: none. */
function last(map: ReadonlyMap<string, Latest>, keys: readonly string[], slot: number): number {
  let found = -1;
  for (const key of keys) found = Math.max(found, map.get(key)?.[slot] ?? -1);
  return found;
}

/** A number stands for itself, and `+` for any. */
function meetingKeys(rule: DeviceRule): string[] {
  const major = `${rule.type}${rule.major ?? '*'}`;
  const minor = rule.minor ?? '*';
  return [`${major}:${minor}`, `${rule.type}+:${minor}`, `${major}:+`, `${rule.type}+:+`];
}

/** The keys of all rules that may speak of a device of the rule's. */
function metKeys({ type, major, minor }: DeviceRule): string[] {
  const keys: string[] = [];
  for (const kind of type === 'a' ? ['a', 'b', 'c'] : ['a', type]) {
    keys.push(`${kind}${major ?? '+'}:${minor ?? '+'}`);
    if (major !== undefined) keys.push(`${kind}*:${minor ?? '+'}`);
    if (minor !== undefined) keys.push(`${kind}${major ?? '+'}:*`);
    if (major !== undefined && minor !== undefined) keys.push(`${kind}*:*`);
  }
  return keys;
}

/** True of simplified rules that deny nothing. */
export function allowsEverything(rules: readonly DeviceRule[]): boolean {
  const [rule] = rules;
  return (
    rules.length === 1 &&
    rule?.allow === true &&
    rule.type === 'a' &&
    rule.major === undefined &&
    rule.minor === undefined &&
    rule.access === wholeAccess
  );
}
