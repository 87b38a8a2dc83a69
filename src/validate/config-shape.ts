// SPDX-License-Identifier: Apache-2.0

import { boolean, int32, type ObjectShape, type Shape, string, stringMap, strings } from '../oci/shape.ts';
import { shapesOfFacilities } from '../plan/facilities.ts';
import { idMappings } from './id-mappings-shape.ts';
import { linuxShape } from './linux-shape.ts';
import { processShape } from './process-shape.ts';

const otherPlatform = 'it is for another platform';

const root: Shape = {
  kind: 'object',
  spec: 'config.md#root',
  properties: { path: string, readonly: boolean },
};

const mount: Shape = {
  kind: 'object',
  spec: 'config.md#mounts',
  properties: {
    destination: string,
    source: string,
    type: string,
    options: strings,
    uidMappings: idMappings,
    gidMappings: idMappings,
  },
};

const hookList: Shape = {
  kind: 'list',
  of: {
    kind: 'object',
    properties: { path: string, args: strings, env: strings, timeout: int32 },
    required: ['path'],
  },
};

const hooks: Shape = {
  kind: 'object',
  spec: 'config.md#posix-platform-hooks',
  properties: {
    prestart: hookList,
    createRuntime: hookList,
    createContainer: hookList,
    startContainer: hookList,
    poststart: hookList,
    poststop: hookList,
  },
};

/** The whole config.json. */
export const configShape: ObjectShape = {
  kind: 'object',
  spec: 'config.md',
  properties: {
    ociVersion: string,
    root,
    process: processShape,
    ...shapesOfFacilities('config'),
    mounts: { kind: 'list', of: mount },
    hooks,
    annotations: stringMap,
    linux: linuxShape,
  },
  ignored: {
    windows: otherPlatform,
    solaris: otherPlatform,
    freebsd: otherPlatform,
    vm: otherPlatform,
    zos: otherPlatform,
  },
};
