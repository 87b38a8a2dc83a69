// SPDX-License-Identifier: Apache-2.0
import type { Config } from '../../oci/config.ts';
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

/**
 * Every device except the usual ones is denied, without rules and after the rules of the config. Only a rule can
 * allow others.
 */
export const checkDeviceRules: IsolationCheck = config => {
  if (isSeparate(config, 'user') || !mayMakeDevices(config)) return [];
  const rules = config.linux?.resources?.devices ?? [];
  // The last matching rule decides, so rules before the last one for all devices have no effect.
  const whole = rules
    .map(({ type = 'a', major, minor }) => type === 'a' || (!isSpecific(major) && !isSpecific(minor)))
    .lastIndexOf(true);
  if (rules[whole]?.allow !== true) return [];
  return [
    {
      code: 'isolation.device-rules',
      message: 'the container can make and use every device of the host',
      pointer: `/linux/resources/devices/${whole}`,
      why: 'with CAP_MKNOD its root can open the disks of the host',
      hint: 'list the devices that it needs in linux.resources.devices, or remove CAP_MKNOD',
      spec: 'config-linux.md#allowed-device-list',
    },
  ];
};

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
