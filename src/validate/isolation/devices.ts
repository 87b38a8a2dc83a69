// SPDX-License-Identifier: Apache-2.0
import type { Config } from '../../oci/config.ts';
import type { DeviceCgroup } from '../../oci/resources.ts';
import type { Draft } from '../context.ts';
import { type IsolationCheck, isSeparate, type Weakness } from './weakness.ts';

/** Character devices by `major:minor`. */
const memory: Readonly<Record<string, string>> = {
  '1:1': 'the memory of the machine (/dev/mem)',
  '1:2': 'the memory of the kernel (/dev/kmem)',
  '1:4': 'the ports of the machine (/dev/port)',
};

export const checkDeviceNodes: IsolationCheck = config => {
  const found: Weakness[] = [];
  for (const [index, device] of config.linux?.devices?.entries() ?? []) {
    const block = device.type === 'b';
    const what = block ? 'a disk of the host' : memory[`${device.major}:${device.minor}`];
    if (what === undefined || device.type === 'p') continue;
    found.push({
      code: 'isolation.device',
      message: `${device.path ?? 'a device'} is ${what}`,
      pointer: `/linux/devices/${index}`,
      why: block
        ? 'access to a disk bypasses all permissions of its files'
        : 'access to it bypasses all protection by the kernel',
      hint: block ? 'mount only the needed part of its file system instead' : 'leave it out',
      spec: 'config-linux.md#devices',
    });
  }
  return found;
};

/** A device that no rule of the config and no default rule allows is denied. The default rules allow no disk. */
export const checkDeviceRules: IsolationCheck = config => {
  if (isSeparate(config, 'user') || !mayMakeDevices(config)) return [];
  const rules = config.linux?.resources?.devices ?? [];
  const index = ruleForAll(rules, 'b') ?? ruleForAll(rules, 'c');
  if (index === undefined) return [];
  return [
    {
      code: 'isolation.device-rules',
      message: 'the container can make and use every device of the host',
      pointer: `/linux/resources/devices/${index}`,
      why: 'with CAP_MKNOD its root can open the disks of the host',
      hint: 'list the devices that it needs in linux.resources.devices, or remove CAP_MKNOD',
      spec: 'config-linux.md#allowed-device-list',
    },
  ];
};

/** Returns the index of the rule that lets the container use all devices of a type; undefined if it cannot use all. */
function ruleForAll(rules: readonly Draft<DeviceCgroup>[], wanted: 'b' | 'c'): number | undefined {
  const allowedBy = new Map<string, number>();
  for (const [index, { allow, type = 'a', major, minor, access = 'rwm' }] of rules.entries()) {
    const isForAll = type === 'a' || (type === wanted && !isSpecific(major) && !isSpecific(minor));
    if (!isForAll) continue;
    // A later rule changes only the kinds of access that it names.
    for (const letter of access) {
      if (allow === true) allowedBy.set(letter, index);
      else allowedBy.delete(letter);
    }
  }
  return allowedBy.get('r') ?? allowedBy.get('w');
}

/** -1 means every number. */
function isSpecific(number: number | bigint | undefined): boolean {
  return number !== undefined && number >= 0;
}

function mayMakeDevices({ process }: Draft<Config>): boolean {
  const sets = process?.capabilities;
  if (sets === undefined) return process !== undefined;
  return [sets.bounding, sets.permitted].some(names =>
    names?.some(name => name.toUpperCase() === 'CAP_MKNOD'),
  );
}
