// SPDX-License-Identifier: Apache-2.0

import { boolean, int32, int64, type Shape, string, stringMap, strings, uint32 } from '../oci/shape.ts';
import { shapesOfFacilities } from '../plan/facilities.ts';
import { idMappings } from './id-mappings-shape.ts';
import { resourcesShape } from './resources-shape.ts';
import { seccompShape } from './seccomp-shape.ts';

const device: Shape = {
  kind: 'object',
  spec: 'config-linux.md#devices',
  properties: {
    type: string,
    path: string,
    // Engines write st_mode here, including the file type.
    fileMode: uint32,
    major: int32,
    minor: int32,
    uid: uint32,
    gid: uint32,
  },
  required: ['type', 'path'],
};

const timeOffset: Shape = {
  kind: 'object',
  spec: 'config-linux.md#offset-for-time-namespace',
  properties: { secs: int64, nanosecs: { kind: 'integer', min: 0, max: 999999999 } },
};

/** config-linux.md */
export const linuxShape: Shape = {
  kind: 'object',
  spec: 'config-linux.md',
  properties: {
    namespaces: {
      kind: 'list',
      of: {
        kind: 'object',
        spec: 'config-linux.md#namespaces',
        properties: { type: string, path: string },
        required: ['type'],
      },
    },
    uidMappings: idMappings,
    gidMappings: idMappings,
    // Keyed by clock; checks/time.ts has the list of clocks.
    timeOffsets: { kind: 'map', of: timeOffset },
    devices: { kind: 'list', of: device },
    cgroupsPath: string,
    resources: resourcesShape,
    sysctl: stringMap,
    seccomp: seccompShape,
    rootfsPropagation: string,
    maskedPaths: strings,
    readonlyPaths: strings,
    mountLabel: string,
    intelRdt: {
      kind: 'object',
      spec: 'config-linux.md#intelrdt',
      properties: {
        closID: string,
        schemata: strings,
        l3CacheSchema: string,
        memBwSchema: string,
        enableMonitoring: boolean,
      },
      ignored: {
        enableCMT: 'since version 1.3 of the specification enableMonitoring enables all monitoring',
        enableMBM: 'since version 1.3 of the specification enableMonitoring enables all monitoring',
      },
    },
    ...shapesOfFacilities('linux'),
  },
};
