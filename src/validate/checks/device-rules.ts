// SPDX-License-Identifier: Apache-2.0
import { findHole } from '../../cgroup/devices/holes.ts';
import { configuredDeviceRules } from '../../cgroup/devices/rules.ts';
import type { DeviceCgroup } from '../../oci/resources.ts';
import type { Check, Draft } from '../context.ts';

const spec = 'config-linux.md#allowed-device-list';
const largest = 0xffffffff;

export const checkDeviceRules: Check = context => {
  const rules = context.config.linux?.resources?.devices ?? [];
  let sound = true;
  for (const [index, rule] of rules.entries()) {
    for (const problem of problemsOf(rule, index)) {
      context.problem({ ...problem, spec });
      sound = false;
    }
  }
  const hole = sound ? findHole(configuredDeviceRules(rules as readonly DeviceCgroup[])) : undefined;
  if (hole === undefined) return;
  context.problem({
    code: 'config.resources.device-hole',
    message: `the device rule "${hole.rule}" cannot punch a hole in "${hole.wider}"`,
    pointer: `/linux/resources/devices/${hole.index}`,
    value: hole.rule,
    hint: 'name what is allowed without a wildcard, or put the narrower rule first',
    spec,
  });
};

interface Found {
  readonly code: string;
  readonly message: string;
  readonly pointer: string;
  readonly value?: string;
  readonly hint?: string;
}

function* problemsOf(rule: Draft<DeviceCgroup>, index: number): Generator<Found> {
  const pointer = `/linux/resources/devices/${index}`;
  const { type, access = '' } = rule;
  if (type !== undefined && !/^[abc]$/.test(type)) {
    yield {
      code: 'config.resources.device-type',
      message: `invalid cgroup device type "${type}"`,
      pointer: `${pointer}/type`,
      value: type,
      hint: 'c is a character device, b a block device, a both of them',
    };
  }
  if (access === '') {
    yield {
      code: 'config.resources.device-access',
      message: `device access at ${index} field cannot be empty`,
      pointer: rule.access === undefined ? pointer : `${pointer}/access`,
      hint: 'rwm stands for reading, writing and making a node',
    };
  } else if (!/^[rwm]+$/.test(access)) {
    yield {
      code: 'config.resources.device-access',
      message: `unknown device access "${access}"`,
      pointer: `${pointer}/access`,
      value: access,
      hint: 'of the letters r (read), w (write) and m (make a node)',
    };
  }
  for (const part of ['major', 'minor'] as const) {
    const number = rule[part];
    // -1 stands for every number, as when it is left out.
    if (number === undefined || (number >= -1 && number <= largest)) continue;
    yield {
      code: 'config.range',
      message: `the ${part} number must be from -1 to ${largest}, not ${number}`,
      pointer: `${pointer}/${part}`,
      value: String(number),
    };
  }
}
