// SPDX-License-Identifier: Apache-2.0
import type { NamespaceType } from '../../oci/namespaces.ts';
import { type IsolationCheck, isSeparate, type Weakness } from './weakness.ts';

const spec = 'config.md#linux-process';

interface Danger {
  readonly why: string;
  /** A separate namespace of this type makes the capability harmless. Default: the user namespace. */
  readonly within?: NamespaceType;
  /** The capability is harmful in a user namespace too. */
  readonly always?: true;
}

const dangers: Readonly<Record<string, Danger>> = {
  CAP_SYS_ADMIN: {
    why: 'it allows mounts, namespaces and most other actions of root: few other barriers stop it',
    always: true,
  },
  CAP_SYS_MODULE: { why: 'it loads code into the kernel of the host' },
  CAP_SYS_RAWIO: {
    why: 'it reaches memory and ports of the machine through /dev/mem, /proc/kcore and ioperm(2)',
  },
  CAP_SYS_BOOT: { why: 'it reboots the host, or starts another kernel there' },
  CAP_SYS_TIME: { why: 'it sets the clock of the host' },
  CAP_DAC_READ_SEARCH: {
    why: 'open_by_handle_at(2) opens any file of a mounted file system, also outside of the root',
  },
  CAP_BPF: { why: 'its programs run in the kernel of the host and can read its memory' },
  CAP_PERFMON: { why: 'it observes the kernel and other processes of the host' },
  CAP_SYSLOG: { why: 'it reads the log of the kernel, which contains addresses that an attack can use' },
  CAP_MAC_ADMIN: { why: 'it changes the policy of the security module of the host' },
  CAP_MAC_OVERRIDE: { why: 'it bypasses the policy of the security module' },
  CAP_SYS_PTRACE: { why: 'it reads and changes the processes of the host', within: 'pid' },
  CAP_NET_ADMIN: { why: 'it changes addresses, routes and the firewall of the host', within: 'network' },
  CAP_NET_RAW: { why: 'it reads and forges packets on the network of the host', within: 'network' },
};

const sets = ['bounding', 'permitted', 'effective', 'inheritable', 'ambient'] as const;

/** Each capability is reported once, for the first set that contains it. */
export const checkCapabilitySets: IsolationCheck = config => {
  const { process } = config;
  if (process === undefined) return [];
  if (process.capabilities === undefined) {
    return [
      {
        code: 'isolation.capabilities',
        message: 'process.capabilities is missing: the program has all the capabilities of the runtime',
        pointer: '/process/capabilities',
        why: 'the program can do everything that root may do on the host',
        hint: 'list the sets; an empty object means no capabilities',
        spec,
      },
    ];
  }
  const found = new Map<string, Weakness>();
  for (const set of sets) {
    for (const [index, word] of process.capabilities[set]?.entries() ?? []) {
      const name = word.toUpperCase();
      const danger = Object.hasOwn(dangers, name) ? dangers[name] : undefined;
      if (danger === undefined || found.has(name)) continue;
      if (!danger.always && isSeparate(config, danger.within ?? 'user')) continue;
      found.set(name, {
        code: 'isolation.capability',
        message: `the container has ${name}`,
        pointer: `/process/capabilities/${set}/${index}`,
        why: danger.why,
        hint:
          danger.within === undefined
            ? 'remove it from all sets'
            : `remove it from all sets, or give the container its own ${danger.within} namespace`,
        spec,
      });
    }
  }
  return [...found.values()];
};
