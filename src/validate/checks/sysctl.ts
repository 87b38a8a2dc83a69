// SPDX-License-Identifier: Apache-2.0
import { childPointer } from '../../bundle/pointer.ts';
import type { NamespaceType } from '../../oci/namespaces.ts';
import { ownedSysctl } from '../../plan/facilities.ts';
import type { Check } from '../context.ts';

/** Only sysctls of the container's own namespaces may be set; all others belong to the host. */
export const checkSysctl: Check = context => {
  for (const key of Object.keys(context.config.linux?.sysctl ?? {})) {
    const fields = {
      pointer: childPointer('/linux/sysctl', key),
      value: key,
      spec: 'config-linux.md#sysctl',
    };
    const name = sysctlName(key);
    // Empty elements and elements of dots would lead out of the allowed directory.
    if (name.split('.').some(element => /^\/*$/.test(element))) {
      context.problem({
        ...fields,
        code: 'config.sysctl.name',
        message: `invalid sysctl name "${key}"`,
      });
      continue;
    }
    const owned = ownedSysctl(name);
    if (owned !== undefined) {
      context.problem({ ...fields, ...owned(key) });
      continue;
    }
    const type = namespaceOf(name);
    if (type !== undefined && context.hasNamespace(type)) continue;
    context.problem({
      ...fields,
      code: 'config.sysctl.namespace',
      message: refusal(key, type),
      hint: type === undefined ? undefined : `add {"type": "${type}"} to linux.namespaces`,
    });
  }
};

const inIpc: readonly string[] = [
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
];

/** Returns the namespace of a sysctl; undefined if it belongs to the host. */
function namespaceOf(name: string): NamespaceType | undefined {
  if (inIpc.includes(name) || name.startsWith('fs.mqueue.')) return 'ipc';
  if (name.startsWith('net.')) return 'network';
  if (name.startsWith('user.')) return 'user';
  return name === 'kernel.domainname' ? 'uts' : undefined;
}

function refusal(key: string, type: NamespaceType | undefined): string {
  if (type === 'ipc') return `sysctl "${key}" is not allowed in the hosts ipc namespace`;
  if (type === 'network') return `sysctl "${key}" not allowed in host network namespace`;
  return `sysctl "${key}" is not in a separate kernel namespace`;
}

/**
 * Returns the name with dots as separators, by the rule of sysctl(8): the first separator in the key is the one in
 * use, and the other one means a dot inside an element (`net/ipv4/conf/eth0.1/mtu`).
 */
function sysctlName(key: string): string {
  if (/[./]/.exec(key)?.[0] !== '/') return key;
  return key.replace(/[./]/g, separator => (separator === '.' ? '/' : '.'));
}
