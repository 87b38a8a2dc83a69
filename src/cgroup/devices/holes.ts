// SPDX-License-Identifier: Apache-2.0
import { covers, type DeviceRule, devicesKey, fewRules, ruleText, widerKeys } from './rules.ts';

/** A rule that takes a part out of a wider one before it. */
export interface Hole {
  /** In the list. */
  readonly index: number;
  readonly rule: string;
  readonly wider: string;
}

/**
 * The first rule that the lists of version 1 cannot hold: they are exceptions to one default, and a part of an exception
 * with a wildcard cannot be taken back. Who writes such a rule believes in a protection that other runtimes refuse to
 * promise, so it is refused here too.
 */
export function findHole(rules: readonly DeviceRule[]): Hole | undefined {
  return rules.length <= fewRules ? findHoleInFew(rules) : findHoleInMany(rules);
}

export function findHoleInFew(rules: readonly DeviceRule[]): Hole | undefined {
  let allowedByDefault = false;
  let exceptions: DeviceRule[] = [];
  for (const [index, rule] of rules.entries()) {
    if (rule.type === 'a') {
      allowedByDefault = rule.allow;
      exceptions = [];
      continue;
    }
    if (rule.allow !== allowedByDefault) {
      exceptions.push(rule);
      continue;
    }
    const wider = exceptions.find(
      other => covers(other, rule) && !covers(rule, other) && (other.access & rule.access) !== 0,
    );
    if (wider !== undefined) return { index, rule: ruleText(rule), wider: ruleText(wider) };
    exceptions = exceptions
      .map(other => (covers(rule, other) ? { ...other, access: other.access & ~rule.access } : other))
      .filter(other => other.access !== 0);
  }
  return undefined;
}

/** The same in a time that grows with the list. */
export function findHoleInMany(rules: readonly DeviceRule[]): Hole | undefined {
  let allowedByDefault = false;
  let exceptions: Exception[] = [];
  /** The same, made when a rule takes one back. */
  let found: Exceptions | undefined;
  for (const [index, rule] of rules.entries()) {
    if (rule.type === 'a') {
      allowedByDefault = rule.allow;
      exceptions = [];
      found = undefined;
    } else if (rule.allow !== allowedByDefault) {
      const exception = { rule, index, access: rule.access };
      exceptions.push(exception);
      found?.add(exception);
    } else {
      found ??= new Exceptions(exceptions);
      const wider = found.firstWider(rule);
      if (wider !== undefined) {
        return { index, rule: ruleText(rule), wider: ruleText({ ...wider.rule, access: wider.access }) };
      }
      found.takeBack(rule);
    }
  }
  return undefined;
}

interface Exception {
  readonly rule: DeviceRule;
  readonly index: number;
  /** What of the rule's has not been taken back. */
  access: number;
}

const bits = [1, 2, 4] as const;

/** Exceptions by what they speak of, for each kind of access by itself: no rule is held against all others. */
class Exceptions {
  private readonly ofBit = new Map(bits.map(bit => [bit, new ExceptionsOfBit(bit)]));

  constructor(exceptions: readonly Exception[]) {
    for (const exception of exceptions) this.add(exception);
  }

  add(exception: Exception): void {
    for (const [bit, list] of this.ofBit) if ((exception.rule.access & bit) !== 0) list.add(exception);
  }

  /** The first one that speaks of more devices than the rule, and of these too. */
  firstWider(rule: DeviceRule): Exception | undefined {
    const own = devicesKey(rule);
    let first: Exception | undefined;
    for (const key of widerKeys(rule)) {
      if (key === own) continue;
      for (const [bit, list] of this.ofBit) {
        const other = (rule.access & bit) === 0 ? undefined : list.firstOf(key);
        if (other !== undefined && (first === undefined || other.index < first.index)) first = other;
      }
    }
    return first;
  }

  /** From all that speak of no other devices than the rule. */
  takeBack(rule: DeviceRule): void {
    for (const [bit, list] of this.ofBit) if ((rule.access & bit) !== 0) list.takeBack(rule);
  }
}

class ExceptionsOfBit {
  private readonly bit: number;
  private readonly ofKey = new Map<string, Exception[]>();
  /** Keys below that of a wildcard; also of some that are there no more. */
  private readonly below = new Map<string, Set<string>>();

  constructor(bit: number) {
    this.bit = bit;
  }

  add(exception: Exception): void {
    const { rule } = exception;
    const key = devicesKey(rule);
    const same = this.ofKey.get(key);
    if (same !== undefined) {
      same.push(exception);
      return;
    }
    this.ofKey.set(key, [exception]);
    for (const wider of widerKeys(rule)) {
      const keys = this.below.get(wider);
      if (keys === undefined) this.below.set(wider, new Set([key]));
      else keys.add(key);
    }
  }

  firstOf(key: string): Exception | undefined {
    return this.ofKey.get(key)?.[0];
  }

  takeBack(rule: DeviceRule): void {
    const wider = devicesKey(rule);
    for (const key of this.below.get(wider) ?? []) {
      for (const exception of this.ofKey.get(key) ?? []) exception.access &= ~this.bit;
      this.ofKey.delete(key);
    }
    this.below.delete(wider);
  }
}
