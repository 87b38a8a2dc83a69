// SPDX-License-Identifier: Apache-2.0
import { childPointer } from '../bundle/pointer.ts';
import { errno } from '../errors/errno.ts';
import type { Enabled } from '../oci/features.ts';
import { string } from '../oci/shape.ts';
import type { Check } from '../validate/context.ts';
import type { Facility, NoSteps } from './facility.ts';

/** A member of `linux`: interfaces of the host to move into the container, keyed by their name on the host. */
export interface NetDevicesProperty {
  readonly netDevices?: Readonly<
    Record<
      string,
      {
        /** Name in the container. Default: the name on the host. */
        readonly name?: string;
      }
    >
  >;
}

/** A member of `linux` in the features document. */
export interface NetDeviceFeatures {
  readonly netDevices: Enabled;
}

/** Steps of the runtime. */
export interface NetDeviceSteps {
  /** Moves a network device into the container's namespace. */
  readonly moveNetDevice: {
    readonly when: 'network';
    readonly name: string;
    /** Name in the container; may be a template such as `eth%d`. */
    readonly newName: string;
  };
}

const at = '/linux/netDevices';
const spec = 'config-linux.md#network-devices';

/** IFNAMSIZ without the NUL. */
const longestName = 15;

/** The kernel's rules for interface names; the kernel reports a violation only as EINVAL. */
const checkNetDevices: Check = context => {
  const devices = Object.entries(context.config.linux?.netDevices ?? {});
  const problem = (pointer: string, message: string, value?: string, hint?: string): void =>
    context.problem({ code: 'config.net-device', message, pointer, value, hint, spec });
  if (devices.length > 0 && !context.hasNamespace('network')) {
    const hint = 'add {"type": "network"} to linux.namespaces';
    problem(at, 'unable to move network devices without a NET namespace', undefined, hint);
  }
  const taken = new Map<string, string>();
  for (const [name, device] of devices) {
    const key = childPointer(at, name);
    const wrong = wrongName(name);
    if (wrong !== undefined) problem(key, `invalid network device name ${JSON.stringify(name)}`, name, wrong);
    const newName = device?.name || name;
    const place = device?.name ? `${key}/name` : key;
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
  if (name === '' || name === '.' || name === '..') return 'use a nonempty name of a network device';
  if (name.length > longestName) return `at most ${longestName} bytes`;
  if (/[\s/:]/.test(name)) return 'without blanks, slashes and colons';
  return name.includes('%') ? 'a template has one %d and no other percent sign' : undefined;
}

export const netDevicesFacility: Facility<NoSteps, NetDeviceSteps> = {
  steps: {},
  shapes: {
    linux: { netDevices: { kind: 'map', of: { kind: 'object', spec, properties: { name: string } } } },
  },
  check: checkNetDevices,
  inOwnNetwork: ({ linux }) =>
    Object.keys(linux?.netDevices ?? {}).length === 0
      ? []
      : [
          {
            code: 'config.net-device',
            message: 'unable to move network devices without a private NET namespace',
            pointer: at,
            spec,
          },
        ],
  features: () => ({ netDevices: { enabled: true } }),
  /** In the config's order. */
  hostSteps: ({ linux }) =>
    Object.entries(linux?.netDevices ?? {}).map(([name, { name: newName }]) => ({
      op: 'moveNetDevice',
      when: 'network',
      name,
      newName: newName || name,
      origin: childPointer(at, name),
    })),
  waits: { network: at },
  hostTexts: { moveNetDevice: ({ name, newName }) => `name=${name} newName=${newName}` },
  explainHost: {
    moveNetDevice: ({ name, newName, origin }, { syscall, errno: number }) => ({
      attempt: `unable to move the network device ${name}: ${number === errno.ENODEV ? `link not found for interface ${name}` : syscall}`,
      pointer: number === errno.EEXIST && newName !== name ? `${origin}/name` : origin,
      path: undefined,
      value: newName === name ? name : `${name} -> ${newName}`,
      spec,
    }),
  },
  hostHints: () => ({
    moveNetDevice: {
      [errno.ENODEV]:
        "the device must be in the runtime's network namespace; ip link lists the devices there",
      [errno.EEXIST]:
        'the network namespace of the container has a device of this name: use another name, or a template such as eth%d',
      [errno.EINVAL]: 'this device is bound to its network namespace, as lo is',
      [errno.EPERM]: 'it needs CAP_NET_ADMIN in both network namespaces',
      [errno.EACCES]:
        'it has an IPv6 address, and the network namespace of the container has IPv6 turned off',
    },
  }),
};
