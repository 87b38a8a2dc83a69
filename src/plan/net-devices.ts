// SPDX-License-Identifier: Apache-2.0
import { childPointer } from '../bundle/pointer.ts';
import type { Config } from '../oci/config.ts';
import type { HostStep } from './plan.ts';

/** linux.netDevices, in the config's order. */
export function netDeviceSteps(config: Config): HostStep[] {
  return Object.entries(config.linux?.netDevices ?? {}).map(([name, { name: newName }]) => ({
    op: 'moveNetDevice',
    when: 'network',
    name,
    newName: newName || name,
    origin: childPointer('/linux/netDevices', name),
  }));
}
