// SPDX-License-Identifier: Apache-2.0
import { type Shape, uint32 } from '../oci/shape.ts';

/** The mappings of the user namespace, or of a mount. */
export const idMappings: Shape = {
  kind: 'list',
  of: {
    kind: 'object',
    spec: 'config-linux.md#user-namespace-mappings',
    properties: { containerID: uint32, hostID: uint32, size: uint32 },
    required: ['containerID', 'hostID', 'size'],
  },
};
