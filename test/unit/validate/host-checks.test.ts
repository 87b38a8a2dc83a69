// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import type { Config } from '../../../src/oci/config.ts';
import { checkOnHost } from '../../../src/validate/host-checks.ts';
import { diskBinding } from '../../helpers/disk-binding.ts';

function config(path: string | undefined, key = 'net.ipv4.ip_forward'): Config {
  return {
    ociVersion: '1.3.0',
    root: { path: 'rootfs' },
    process: { args: ['sh'], cwd: '/', user: { uid: 0, gid: 0 } },
    linux: {
      namespaces: [path === undefined ? { type: 'network' } : { type: 'network', path }],
      sysctl: { [key]: '1' },
    },
  };
}

it('reports that the joined network namespace is that of the host', () => {
  expect(checkOnHost(diskBinding(), config('/proc/self/ns/net'))).toMatchObject([
    {
      code: 'config.sysctl.namespace',
      pointer: '/linux/sysctl/net.ipv4.ip_forward',
      path: '/proc/self/ns/net',
    },
  ]);
  expect(checkOnHost(diskBinding(), config('/proc/self/ns/net', 'net/ipv4/ip_forward'))).toMatchObject([
    { pointer: '/linux/sysctl/net~1ipv4~1ip_forward' },
  ]);
});

it.each([
  ['a new namespace', config(undefined)],
  ['a namespace that does not exist', config('/no/such/namespace')],
  ['another file', config('/proc/self/ns/ipc')],
  ['a sysctl of another namespace', config('/proc/self/ns/net', 'kernel.msgmax')],
])('reports nothing about %s', (_, value) => {
  expect(checkOnHost(diskBinding(), value)).toEqual([]);
});
