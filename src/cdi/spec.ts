// SPDX-License-Identifier: Apache-2.0
import {
  boolean,
  id,
  int64,
  type ObjectShape,
  type Shape,
  string,
  stringMap,
  strings,
  uint32,
} from '../oci/shape.ts';

/** Changes of a container for one device, or for all devices of a specification. */
export interface ContainerEdits {
  readonly env?: readonly string[];
  readonly deviceNodes?: readonly DeviceNode[];
  readonly netDevices?: readonly { readonly hostInterfaceName: string; readonly name: string }[];
  readonly mounts?: readonly CdiMount[];
  readonly hooks?: readonly CdiHook[];
  readonly additionalGids?: readonly number[];
  readonly intelRdt?: Readonly<Record<string, unknown>>;
}

export interface DeviceNode {
  readonly path: string;
  /** Default: `path`. */
  readonly hostPath?: string;
  /** Default: that of the device on the host. */
  readonly type?: string;
  readonly major?: number;
  readonly minor?: number;
  readonly fileMode?: number;
  /** Letters of `rwm`. Default: all. */
  readonly permissions?: string;
  readonly uid?: number;
  readonly gid?: number;
}

export interface CdiMount {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly type?: string;
  readonly options?: readonly string[];
}

export interface CdiHook {
  readonly hookName: string;
  readonly path: string;
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  readonly timeout?: number;
}

/** One file: the devices of one kind (`vendor.com/class`). */
export interface CdiSpec {
  readonly cdiVersion: string;
  readonly kind: string;
  readonly devices: readonly { readonly name: string; readonly containerEdits: ContainerEdits }[];
  readonly containerEdits?: ContainerEdits;
}

/** Published versions of the specification. */
export const cdiVersions: ReadonlySet<string> = new Set([
  ...['0.3.0', '0.4.0', '0.5.0', '0.6.0', '0.7.0', '0.8.0', '1.0.0', '1.1.0'],
]);

/** Hooks of runtime-spec, by the names that a specification uses. */
const hookNames = ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'];

const listOf = (of: Shape): Shape => ({ kind: 'list', of });

const edits: ObjectShape = {
  kind: 'object',
  properties: {
    env: strings,
    deviceNodes: listOf({
      kind: 'object',
      properties: {
        path: string,
        hostPath: string,
        type: { kind: 'string', values: ['b', 'c', 'u', 'p'] },
        major: int64,
        minor: int64,
        fileMode: uint32,
        permissions: string,
        uid: id,
        gid: id,
      },
      required: ['path'],
    }),
    netDevices: listOf({
      kind: 'object',
      properties: { hostInterfaceName: string, name: string },
      required: ['hostInterfaceName', 'name'],
    }),
    mounts: listOf({
      kind: 'object',
      properties: { hostPath: string, containerPath: string, type: string, options: strings },
      required: ['hostPath', 'containerPath'],
    }),
    hooks: listOf({
      kind: 'object',
      properties: {
        hookName: { kind: 'string', values: hookNames },
        path: string,
        args: strings,
        env: strings,
        timeout: int64,
      },
      required: ['hookName', 'path'],
    }),
    additionalGids: listOf(id),
    intelRdt: {
      kind: 'object',
      properties: {
        closID: string,
        l3CacheSchema: string,
        memBwSchema: string,
        schemata: strings,
        enableCMT: boolean,
        enableMBM: boolean,
        enableMonitoring: boolean,
      },
    },
  },
};

/** The document of a file in /etc/cdi or /var/run/cdi. */
export const cdiShape: ObjectShape = {
  kind: 'object',
  properties: {
    cdiVersion: string,
    kind: string,
    annotations: stringMap,
    devices: listOf({
      kind: 'object',
      properties: { name: string, annotations: stringMap, containerEdits: edits },
      required: ['name', 'containerEdits'],
    }),
    containerEdits: edits,
  },
  required: ['cdiVersion', 'kind', 'devices'],
};

const word = '[A-Za-z](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?';
const kindOf = new RegExp(`^${word}/${word}$`);
const deviceOf = /^[A-Za-z0-9](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?$/;

export function isKind(kind: string): boolean {
  return kindOf.test(kind);
}

/** Kind and name of `vendor.com/class=name`; undefined for another form. */
export function parseDeviceName(text: string): { readonly kind: string; readonly name: string } | undefined {
  const equals = text.indexOf('=');
  const [kind, name] = [text.slice(0, equals), text.slice(equals + 1)];
  return equals > 0 && isKind(kind) && deviceOf.test(name) ? { kind, name } : undefined;
}
