// SPDX-License-Identifier: Apache-2.0
import { covers, type DeviceRule, meets, wholeAccess } from './rules.ts';

/**
 * The same decisions with fewer rules: without what later rules decide anyhow, and without those that say what those
 * before them said. Where no rule matches it is denied. An empty list denies everything.
 */
export function simplify(rules: readonly DeviceRule[]): DeviceRule[] {
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
