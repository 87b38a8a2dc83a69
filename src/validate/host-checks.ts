// SPDX-License-Identifier: Apache-2.0
import { childPointer } from '../bundle/pointer.ts';
import type { ErrorFields } from '../errors/error.ts';
import type { Binding } from '../host/binding.d.ts';
import type { Config } from '../oci/config.ts';
import { checkLabels } from './label-checks.ts';

/**
 * The problems of a checked config that only the machine can show: a joined network namespace that is the runtime's
 * own, whose sysctls are the host's, and labels that its kernel cannot give. (That the root file system is there is resolveRootfs's to say.)
 */
export function checkOnHost(binding: Binding, config: Config): ErrorFields[] {
  const at = (name: string): string => `/process/${name}`;
  return [
    ...checkLabels(binding, config.process, at, config.linux?.mountLabel),
    ...checkJoinedNetwork(binding, config),
  ];
}

function checkJoinedNetwork(binding: Binding, { linux }: Config): ErrorFields[] {
  const keys = Object.keys(linux?.sysctl ?? {}).filter(key => /^net[./]/.test(key));
  const devices = Object.keys(linux?.netDevices ?? {});
  const path = linux?.namespaces?.find(({ type }) => type === 'network')?.path;
  if (keys.length + devices.length === 0 || path === undefined) return [];
  const joined = binding.stat(path);
  const own = binding.stat('/proc/self/ns/net');
  // A path that is not there is the join's to report.
  if (joined === undefined || own === undefined) return [];
  if (joined.dev !== own.dev || joined.ino !== own.ino) return [];
  const fields = { path, hint: "the joined network namespace is the runtime's own" };
  const found: ErrorFields[] = keys.map(key => ({
    ...fields,
    code: 'config.sysctl.namespace',
    message: `sysctl "${key}" not allowed in host network namespace`,
    pointer: childPointer('/linux/sysctl', key),
    value: key,
    spec: 'config-linux.md#sysctl',
  }));
  if (devices.length > 0) {
    found.push({
      ...fields,
      code: 'config.net-device',
      message: 'unable to move network devices without a private NET namespace',
      pointer: '/linux/netDevices',
      spec: 'config-linux.md#network-devices',
    });
  }
  return found;
}
