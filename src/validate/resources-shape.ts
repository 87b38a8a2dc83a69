// SPDX-License-Identifier: Apache-2.0
import { boolean, int64, type Shape, string, stringMap, uint16, uint32, uint64 } from '../oci/shape.ts';

const throttleDevices: Shape = {
  kind: 'list',
  of: {
    kind: 'object',
    properties: { major: int64, minor: int64, rate: uint64 },
    required: ['major', 'minor'],
  },
};

/** config-linux.md#control-groups */
export const resourcesShape: Shape = {
  kind: 'object',
  spec: 'config-linux.md#control-groups',
  properties: {
    devices: {
      kind: 'list',
      of: {
        kind: 'object',
        spec: 'config-linux.md#allowed-device-list',
        properties: { allow: boolean, type: string, major: int64, minor: int64, access: string },
        required: ['allow'],
      },
    },
    memory: {
      kind: 'object',
      spec: 'config-linux.md#memory',
      properties: {
        limit: int64,
        reservation: int64,
        swap: int64,
        kernel: int64,
        kernelTCP: int64,
        swappiness: uint64,
        disableOOMKiller: boolean,
        useHierarchy: boolean,
        checkBeforeUpdate: boolean,
      },
    },
    cpu: {
      kind: 'object',
      spec: 'config-linux.md#cpu',
      properties: {
        shares: uint64,
        quota: int64,
        burst: uint64,
        period: uint64,
        realtimeRuntime: int64,
        realtimePeriod: uint64,
        cpus: string,
        mems: string,
        idle: int64,
      },
    },
    pids: { kind: 'object', spec: 'config-linux.md#pids', properties: { limit: int64 } },
    blockIO: {
      kind: 'object',
      spec: 'config-linux.md#block-io',
      properties: {
        weight: uint16,
        leafWeight: uint16,
        weightDevice: {
          kind: 'list',
          of: {
            kind: 'object',
            properties: { major: int64, minor: int64, weight: uint16, leafWeight: uint16 },
            required: ['major', 'minor'],
          },
        },
        throttleReadBpsDevice: throttleDevices,
        throttleWriteBpsDevice: throttleDevices,
        throttleReadIOPSDevice: throttleDevices,
        throttleWriteIOPSDevice: throttleDevices,
      },
    },
    hugepageLimits: {
      kind: 'list',
      of: {
        kind: 'object',
        spec: 'config-linux.md#huge-page-limits',
        properties: { pageSize: string, limit: uint64 },
        required: ['pageSize', 'limit'],
      },
    },
    network: {
      kind: 'object',
      spec: 'config-linux.md#network',
      properties: {
        classID: uint32,
        priorities: {
          kind: 'list',
          of: {
            kind: 'object',
            properties: { name: string, priority: uint32 },
            required: ['name', 'priority'],
          },
        },
      },
    },
    rdma: {
      kind: 'map',
      of: {
        kind: 'object',
        spec: 'config-linux.md#rdma',
        properties: { hcaHandles: uint32, hcaObjects: uint32 },
      },
    },
    unified: stringMap,
  },
};
