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
        ? 'who reads and writes a disk passes over every permission of its files'
        : 'who reads and writes it passes over everything that the kernel protects',
      hint: block ? 'mount the file system instead, and only what is needed of it' : 'leave it out',
      spec: 'config-linux.md#devices',
    });
  }
  return found;
};

/** Without rules, and after those of the config, everything is denied but the usual devices: it takes a rule to undo that. */
export const checkDeviceRules: IsolationCheck = config => {
  if (isSeparate(config, 'user') || !mayMakeDevices(config)) return [];
  const rules = config.linux?.resources?.devices ?? [];
  // Later rules win, so what stands before the last one on all devices does not count.
  const whole = rules
    .map(({ type = 'a', major, minor }) => type === 'a' || (!has(major) && !has(minor)))
    .lastIndexOf(true);
  if (rules[whole]?.allow !== true) return [];
  return [
    {
      code: 'isolation.device-rules',
      message: 'the container can make and use every device of the host',
      pointer: `/linux/resources/devices/${whole}`,
      why: 'with CAP_MKNOD its root can open the disks of the host',
      hint: 'name the devices that it needs in linux.resources.devices, or take CAP_MKNOD away',
      spec: 'config-linux.md#allowed-device-list',
    },
  ];
};

/** -1 stands for every number. */
function has(number: number | bigint | undefined): boolean {
  return number !== undefined && number >= 0;
}

function mayMakeDevices({ process }: Draft<Config>): boolean {
  const sets = process?.capabilities;
  if (sets === undefined) return process !== undefined;
  return [sets.bounding, sets.permitted].some(names =>
    names?.some(name => name.toUpperCase() === 'CAP_MKNOD'),
  );
}
