// SPDX-License-Identifier: Apache-2.0
import { covers, type DeviceRule, devicesKey, fewRules, overlaps, wholeAccess, widerKeys } from './rules.ts';

/**
 * Returns fewer rules with the same decisions: without rules that later ones override, and without rules that repeat
 * the decision of earlier ones. An access that no rule matches is denied, therefore an empty list denies everything.
 */
export function simplify(rules: readonly DeviceRule[]): DeviceRule[] {
  return rules.length <= fewRules ? simplifyFew(rules) : simplifyMany(rules);
}

export function simplifyFew(rules: readonly DeviceRule[]): DeviceRule[] {
  const kept: DeviceRule[] = [];
  for (let i = rules.length - 1; i >= 0; i--) {
    const rule = rules[i] as DeviceRule;
    let { access } = rule;
    for (const later of kept) if (covers(later, rule)) access &= ~later.access;
    if (access !== 0) kept.push(access === rule.access ? rule : { ...rule, access });
  }
  const needed: DeviceRule[] = [];
  for (const rule of kept.reverse()) if (changesDecision(rule, needed)) needed.push(rule);
  return needed;
}

/** Returns false if earlier rules make every decision of this rule already. */
function changesDecision(rule: DeviceRule, before: readonly DeviceRule[]): boolean {
  for (let i = before.length - 1; i >= 0; i--) {
    const other = before[i] as DeviceRule;
    if (other.allow !== rule.allow) {
      if (overlaps(other, rule)) return true;
    } else if ((rule.access & ~other.access) === 0 && covers(other, rule)) return false;
  }
  return rule.allow;
}

/**
 * Returns the same as simplifyFew in linear time, for thousands of rules: it looks rules up instead of comparing
 * pairs.
 */
export function simplifyMany(rules: readonly DeviceRule[]): DeviceRule[] {
  const kept: DeviceRule[] = [];
  /** The access that later rules decide, by devicesKey. */
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
  for (const rule of kept.reverse()) if (needed.changesDecision(rule)) needed.add(rule);
  return needed.list;
}

/** The index of the last rule, by access and whether it allows (slotOf). */
type Latest = number[];

class NeededRules {
  readonly list: DeviceRule[] = [];
  /** By devicesKey: the last rule that decides a complete access. */
  private readonly covering = new Map<string, Latest>();
  /** By the keys of storedKeys: the last rule that decides a part of an access. */
  private readonly overlapping = new Map<string, Latest>();

  add(rule: DeviceRule): void {
    const index = this.list.push(rule) - 1;
    const { access } = rule;
    const covering = latestOf(this.covering, devicesKey(rule));
    const overlapping = storedKeys(rule).map(key => latestOf(this.overlapping, key));
    for (let mask = 1; mask <= wholeAccess; mask++) {
      const slot = slotOf(rule.allow, mask);
      if ((mask & ~access) === 0) covering[slot] = index;
      if ((mask & access) !== 0) for (const latest of overlapping) latest[slot] = index;
    }
  }

  /** Returns false if earlier rules make every decision of this rule already. */
  changesDecision(rule: DeviceRule): boolean {
    const same = last(this.covering, widerKeys(rule), slotOf(rule.allow, rule.access));
    const other = last(this.overlapping, overlappingKeys(rule), slotOf(!rule.allow, rule.access));
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

/** Returns the highest index; -1 if there is none. */
function last(map: ReadonlyMap<string, Latest>, keys: readonly string[], slot: number): number {
  let found = -1;
  for (const key of keys) found = Math.max(found, map.get(key)?.[slot] ?? -1);
  return found;
}

/** Returns the keys under which a rule is stored; `+` in a key means any number. */
function storedKeys(rule: DeviceRule): string[] {
  const major = `${rule.type}${rule.major ?? '*'}`;
  const minor = rule.minor ?? '*';
  return [`${major}:${minor}`, `${rule.type}+:${minor}`, `${major}:+`, `${rule.type}+:+`];
}

/** Returns the keys of all rules that may match a device of this rule. */
function overlappingKeys({ type, major, minor }: DeviceRule): string[] {
  const keys: string[] = [];
  for (const kind of type === 'a' ? ['a', 'b', 'c'] : ['a', type]) {
    keys.push(`${kind}${major ?? '+'}:${minor ?? '+'}`);
    if (major !== undefined) keys.push(`${kind}*:${minor ?? '+'}`);
    if (minor !== undefined) keys.push(`${kind}${major ?? '+'}:*`);
    if (major !== undefined && minor !== undefined) keys.push(`${kind}*:*`);
  }
  return keys;
}

/** Returns true if the simplified rules deny nothing. */
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
