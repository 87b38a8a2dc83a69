// SPDX-License-Identifier: Apache-2.0

import { childPointer, parsePointer } from '../bundle/pointer.ts';
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import type { Config } from '../oci/config.ts';
import type { Step } from '../wire/steps.ts';
import { pointer } from './context.ts';
import type { Facility } from './facility.ts';

/** linux.sysctl in the document's order. */
export function sysctlSteps(config: Config): Step[] {
  return Object.entries(config.linux?.sysctl ?? {}).map(([key, value]) => ({
    op: 'setSysctl',
    origin: pointer('linux', 'sysctl', key),
    path: sysctlPath(key),
    value,
  }));
}

/**
 * Returns the file below proc/sys. Like in sysctl(8) the first separator determines the form. After a dot, dots
 * separate the names and a slash stands for a dot in a name (`net.ipv4.conf.eth0/1.forwarding`). After a slash the key
 * is the path itself.
 *
 * @throws RuntimeError `config.sysctl.name` for a key that names no file below proc/sys
 */
export function sysctlPath(key: string): string {
  const dotted = /[./]/.exec(key)?.[0] === '.';
  const path = dotted ? key.replace(/[./]/g, separator => (separator === '.' ? '/' : '.')) : key;
  if (path.split('/').some(part => part === '' || part === '.' || part === '..')) {
    throw new RuntimeError({
      code: 'config.sysctl.name',
      pointer: pointer('linux', 'sysctl', key),
      value: key,
      spec: 'config-linux.md#sysctl',
      message: `invalid sysctl name ${JSON.stringify(key)}`,
    });
  }
  return path;
}

const steps = {
  /** Writes `value` to `path` below proc/sys of a new procfs that no process in the container can access or replace. */
  setSysctl: { path: 'text', value: 'text' },
} as const;

/** Sysctls. */
export const sysctlFacility: Facility<typeof steps> = {
  steps,
  inOwnNetwork: ({ linux }) =>
    Object.keys(linux?.sysctl ?? {})
      .filter(key => /^net[./]/.test(key))
      .map(key => ({
        code: 'config.sysctl.namespace',
        message: `sysctl "${key}" not allowed in host network namespace`,
        pointer: childPointer('/linux/sysctl', key),
        value: key,
        spec: 'config-linux.md#sysctl',
      })),
  explain: {
    setSysctl: ({ origin, path, value }, { report, text }) => {
      // The key as written in the config: the last part of the origin.
      const key = parsePointer(origin).at(-1) ?? path;
      const message =
        report.syscall === 'write'
          ? `failed to write sysctl ${key} = ${JSON.stringify(value)}: ${text}`
          : `open sysctl ${key} file: ${text}`;
      return { code: 'container.sysctl', message, value };
    },
  },
  hints: () => ({
    setSysctl: {
      [errno.ENOENT]: 'this kernel has no such sysctl, or its module is not loaded',
      [errno.EXDEV]:
        'a mount covers it in /proc of the host, which is used because the kernel refuses the container its own procfs',
      [errno.EINVAL]: 'the kernel refuses this value',
      [errno.EACCES]: 'this sysctl cannot be written in this namespace',
      [errno.EPERM]: 'this sysctl cannot be written in this namespace',
    },
  }),
};
