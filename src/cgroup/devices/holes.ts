// SPDX-License-Identifier: Apache-2.0
import { covers, type DeviceRule, devicesKey, fewRules, ruleText, widerKeys } from './rules.ts';

/** A rule that revokes a part of a wider rule before it. */
export interface Hole {
  /** Index in the list of rules. */
  readonly index: number;
  readonly rule: string;
  readonly wider: string;
}

/**
 * Returns the first rule that the device lists of cgroup version 1 cannot express. Such a list consists of exceptions
 * to one default, and cannot revoke a part of a wildcard exception. runc rejects such a rule, because its author
 * would rely on a protection that does not exist; this runtime rejects it too.
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

/** Returns the same as findHoleInFew in linear time. */
export function findHoleInMany(rules: readonly DeviceRule[]): Hole | undefined {
  let allowedByDefault = false;
  let exceptions: Exception[] = [];
  /** The index of `exceptions`, built when a rule revokes one for the first time. */
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
  /** The access that no later rule has revoked. */
  access: number;
}

const bits = [1, 2, 4] as const;

/** Indexes exceptions by devicesKey, separately for each kind of access, to avoid comparing every pair. */
class Exceptions {
  private readonly ofBit = new Map(bits.map(bit => [bit, new ExceptionsOfBit(bit)]));

  constructor(exceptions: readonly Exception[]) {
    for (const exception of exceptions) this.add(exception);
  }

  add(exception: Exception): void {
    for (const [bit, list] of this.ofBit) if ((exception.rule.access & bit) !== 0) list.add(exception);
  }

  /** Returns the first exception that matches all devices of the rule and more. */
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

  /** Revokes the access of the rule in all exceptions whose devices the rule matches. */
  takeBack(rule: DeviceRule): void {
    for (const [bit, list] of this.ofBit) if ((rule.access & bit) !== 0) list.takeBack(rule);
  }
}

class ExceptionsOfBit {
  private readonly bit: number;
  private readonly ofKey = new Map<string, Exception[]>();
  /** Keys that a wildcard key includes; may contain keys of removed exceptions. */
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
