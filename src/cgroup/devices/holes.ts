// SPDX-License-Identifier: Apache-2.0
import { covers, type DeviceRule, ruleText } from './rules.ts';

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
