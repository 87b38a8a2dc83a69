// SPDX-License-Identifier: Apache-2.0
import { childPointer } from '../../bundle/pointer.ts';
import type { Check } from '../context.ts';

const spec = 'config-linux.md#network-devices';

/** IFNAMSIZ without the NUL. */
const longestName = 15;

/** The kernel's rules for interface names; the kernel reports a violation only as EINVAL. */
export const checkNetDevices: Check = context => {
  const devices = Object.entries(context.config.linux?.netDevices ?? {});
  const problem = (pointer: string, message: string, value?: string, hint?: string): void =>
    context.problem({ code: 'config.net-device', message, pointer, value, hint, spec });
  if (devices.length > 0 && !context.hasNamespace('network')) {
    const hint = 'add {"type": "network"} to linux.namespaces';
    problem('/linux/netDevices', 'unable to move network devices without a NET namespace', undefined, hint);
  }
  const taken = new Map<string, string>();
  for (const [name, device] of devices) {
    const at = childPointer('/linux/netDevices', name);
    const wrong = wrongName(name);
    if (wrong !== undefined) problem(at, `invalid network device name ${JSON.stringify(name)}`, name, wrong);
    const newName = device?.name || name;
    const place = device?.name ? `${at}/name` : at;
    if (newName !== name) {
      const wrongNew = wrongName(newName.replace('%d', '0'));
      const message = `invalid network device name ${JSON.stringify(newName)}`;
      if (wrongNew !== undefined) problem(place, message, newName, wrongNew);
    }
    if (newName.includes('%d')) continue;
    const first = taken.get(newName);
    if (first === undefined) taken.set(newName, name);
    else problem(place, `network device name ${JSON.stringify(newName)} is also given to ${first}`, newName);
  }
};

function wrongName(name: string): string | undefined {
  if (name === '' || name === '.' || name === '..') return 'the name of a network device is a word';
  if (name.length > longestName) return `at most ${longestName} bytes`;
  if (/[\s/:]/.test(name)) return 'without blanks, slashes and colons';
  return name.includes('%') ? 'a template has one %d and no other percent sign' : undefined;
}
