// SPDX-License-Identifier: Apache-2.0
import type { ObjectShape, Shape } from '../oci/shape.ts';
import { string, strings } from '../oci/shape.ts';

const port: Shape = { kind: 'integer', min: 1, max: 65_535 };

const network: ObjectShape = {
  kind: 'object',
  properties: { name: string, interface: string, addresses: strings, mac: string, aliases: strings },
  required: ['name'],
};

const published: ObjectShape = {
  kind: 'object',
  properties: {
    protocol: { kind: 'string', values: ['tcp', 'udp'] },
    hostAddress: string,
    hostPort: port,
    containerPort: port,
    count: port,
  },
  required: ['hostPort', 'containerPort'],
};

const dns: ObjectShape = {
  kind: 'object',
  properties: { servers: strings, search: strings, options: strings },
};

/** The document of `--network-config` and of the annotation: all networks and ports of a container. */
export const attachmentShape: ObjectShape = {
  kind: 'object',
  properties: { networks: { kind: 'list', of: network }, ports: { kind: 'list', of: published }, dns },
};
