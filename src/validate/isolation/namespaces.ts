// SPDX-License-Identifier: Apache-2.0
import type { NamespaceType } from '../../oci/namespaces.ts';
import { type IsolationCheck, isSeparate, type Weakness } from './weakness.ts';

/** The resources that are shared without a namespace of the type. */
const shared: readonly (readonly [type: NamespaceType, why: string])[] = [
  [
    'pid',
    'its programs see the processes of the host, and as root can signal them and read their environment',
  ],
  [
    'network',
    'it has the interfaces, the ports and the abstract sockets of the host, also those of local services',
  ],
  [
    'mount',
    'its mounts are made on the host, and as root it can leave its root directory, which is only changed by chroot(2)',
  ],
  ['ipc', 'it can read and change shared memory and message queues of the host'],
  ['uts', 'with CAP_SYS_ADMIN it can rename the host'],
];

export const checkHostNamespaces: IsolationCheck = config => {
  const found: Weakness[] = [];
  for (const [type, why] of shared) {
    if (isSeparate(config, type)) continue;
    const index = config.linux?.namespaces?.findIndex(namespace => namespace.type === type) ?? -1;
    found.push({
      code: 'isolation.host-namespace',
      message: `the container is in the ${type} namespace of the host`,
      pointer: index < 0 ? '/linux/namespaces' : `/linux/namespaces/${index}`,
      why,
      hint:
        index < 0 ? `add {"type": "${type}"} to linux.namespaces` : 'remove the path to get a new namespace',
      spec: 'config-linux.md#namespaces',
    });
  }
  return found;
};

/** Only root benefits from ids that a mapping would restrict. */
export const checkHostRoot: IsolationCheck = config => {
  if (isSeparate(config, 'user') || (config.process?.user?.uid ?? 0) !== 0) return [];
  return [
    {
      code: 'isolation.host-root',
      message: 'root of the container is root of the host',
      pointer: '/process/user/uid',
      why: 'if another part of the isolation fails, the program has the rights of root on the host',
      hint: 'run it as another user, or add {"type": "user"} to linux.namespaces and uidMappings and gidMappings',
      spec: 'config-linux.md#user-namespace-mappings',
    },
  ];
};
