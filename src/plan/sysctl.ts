// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import type { Config } from '../oci/config.ts';
import type { Step } from '../wire/steps.ts';
import { pointer } from './context.ts';

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
 * The file below proc/sys. Like in sysctl(8) the first separator determines the form. After a dot, dots separate the
 * names and a slash stands for a dot in a name (`net.ipv4.conf.eth0/1.forwarding`). After a slash the key is the path
 * itself.
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
      message: `${JSON.stringify(key)} is no name of a sysctl`,
    });
  }
  return path;
}
