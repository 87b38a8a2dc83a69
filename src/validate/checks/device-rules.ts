// SPDX-License-Identifier: Apache-2.0
import { findHole } from '../../cgroup/devices/holes.ts';
import { configuredDeviceRules } from '../../cgroup/devices/rules.ts';
import type { ErrorCode } from '../../errors/codes.ts';
import type { DeviceCgroup } from '../../oci/resources.ts';
import type { Check, Draft } from '../context.ts';

const spec = 'config-linux.md#allowed-device-list';
const largest = 0xffffffff;

export const checkDeviceRules: Check = context => {
  const rules = context.config.linux?.resources?.devices ?? [];
  for (const problem of deviceRuleProblems(rules, '/linux/resources')) context.problem(problem);
  rules.forEach(({ access = '' }, index) => {
    if (!/[rwm]/.test(access) || !/[^rwm]/.test(access)) return;
    context.warn({
      code: 'config.resources.device-access',
      message: `letters of the device access "${access}" other than r, w and m are ignored`,
      pointer: `/linux/resources/devices/${index}/access`,
      value: access,
      hint: `write "${access.replace(/[^rwm]/g, '')}"`,
      spec,
    });
  });
};

/**
 * Returns the problems of device rules, except wrong types.
 *
 * @param origin - pointer of the resources in their document
 */
export function deviceRuleProblems(
  rules: readonly Draft<DeviceCgroup>[],
  origin: string,
): (Found & { readonly spec: string })[] {
  const found = rules.flatMap((rule, index) => problemsOf(rule, `${origin}/devices/${index}`, index));
  const hole =
    found.length === 0 ? findHole(configuredDeviceRules(rules as readonly DeviceCgroup[])) : undefined;
  if (hole !== undefined) {
    found.push({
      code: 'config.resources.device-hole',
      message: `the device rule "${hole.rule}" cannot punch a hole in "${hole.wider}"`,
      pointer: `${origin}/devices/${hole.index}`,
      value: hole.rule,
      hint: 'list the allowed devices without a wildcard, or put the narrower rule first',
    });
  }
  return found.map(problem => ({ ...problem, spec }));
}

interface Found {
  readonly code: ErrorCode;
  readonly message: string;
  readonly pointer: string;
  readonly value?: string;
  readonly hint?: string;
}

function problemsOf(rule: Draft<DeviceCgroup>, pointer: string, index: number): Found[] {
  const { type, access = '' } = rule;
  const found: Found[] = [];
  if (type !== undefined && !/^[abc]$/.test(type)) {
    found.push({
      code: 'config.resources.device-type',
      message: `invalid cgroup device type "${type}"`,
      pointer: `${pointer}/type`,
      value: type,
      hint: 'c is a character device, b a block device, a both of them',
    });
  }
  if (access === '') {
    found.push({
      code: 'config.resources.device-access',
      message: `device access at ${index} field cannot be empty`,
      pointer: rule.access === undefined ? pointer : `${pointer}/access`,
      hint: 'use the letters r (read), w (write) and m (make a node)',
    });
  } else if (!/[rwm]/.test(access)) {
    // Unknown letters beside known ones are ignored, like in runc; a rule without a known letter would have no
    // effect.
    found.push({
      code: 'config.resources.device-access',
      message: `unknown device access "${access}"`,
      pointer: `${pointer}/access`,
      value: access,
      hint: 'use the letters r (read), w (write) and m (make a node)',
    });
  }
  for (const part of ['major', 'minor'] as const) {
    const number = rule[part];
    // -1 means every number, the same as a missing number.
    if (number === undefined || (number >= -1 && number <= largest)) continue;
    found.push({
      code: 'config.range',
      message: `the ${part} number must be from -1 to ${largest}, not ${number}`,
      pointer: `${pointer}/${part}`,
      value: String(number),
    });
  }
  return found;
}
