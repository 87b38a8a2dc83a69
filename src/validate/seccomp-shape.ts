// SPDX-License-Identifier: Apache-2.0
import { seccompActions, seccompArchitectures, seccompFlags, seccompOperators } from '../oci/seccomp.ts';
import { type Shape, string, strings, uint32, uint64 } from '../oci/shape.ts';

const action: Shape = { kind: 'string', values: seccompActions };

/** config-linux.md#seccomp */
export const seccompShape: Shape = {
  kind: 'object',
  spec: 'config-linux.md#seccomp',
  properties: {
    defaultAction: action,
    defaultErrnoRet: uint32,
    architectures: { kind: 'list', of: { kind: 'string', values: seccompArchitectures } },
    flags: { kind: 'list', of: { kind: 'string', values: seccompFlags } },
    listenerPath: string,
    listenerMetadata: string,
    syscalls: {
      kind: 'list',
      of: {
        kind: 'object',
        properties: {
          names: strings,
          action,
          errnoRet: uint32,
          args: {
            kind: 'list',
            of: {
              kind: 'object',
              properties: {
                index: uint32,
                value: uint64,
                valueTwo: uint64,
                op: { kind: 'string', values: seccompOperators },
              },
              required: ['index', 'value', 'op'],
            },
          },
        },
        required: ['names', 'action'],
      },
    },
  },
  required: ['defaultAction'],
};
