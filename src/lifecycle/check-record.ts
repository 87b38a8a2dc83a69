// SPDX-License-Identifier: Apache-2.0
import { parseJson } from '../bundle/json.ts';
import { formatPointer } from '../bundle/pointer.ts';
import { toRuntimeError } from '../errors/system.ts';
import { cleanPath, isBelow } from '../host/paths.ts';
import {
  boolean,
  implemented,
  type ObjectShape,
  type Shape,
  string,
  stringMap,
  strings,
} from '../oci/shape.ts';
import { checkShape } from '../validate/check-shape.ts';
import { configShape } from '../validate/config-shape.ts';
import { type ContainerRecord, recordVersion } from './record.ts';

/** The reason why a text is not a valid record, and the invalid member. */
export interface Fault {
  readonly message: string;
  readonly pointer?: string | undefined;
  /** A later version of the program wrote the text; its members cannot be checked here. */
  readonly newer?: true;
}

/** Upper limit of process ids in Linux (PID_MAX_LIMIT). */
const highestPid = 4_194_304;
const count: Shape = { kind: 'integer', min: 0, max: Number.MAX_SAFE_INTEGER };
const hooks = (implemented(configShape, 'hooks') as ObjectShape).properties;

/** A process. The start time identifies it, because the kernel reuses pids. */
const process: Shape = {
  kind: 'object',
  properties: { pid: { kind: 'integer', min: 1, max: highestPid }, startTime: count },
  required: ['pid', 'startTime'],
  partial: true,
};

const properties: Readonly<Record<string, Shape>> = {
  version: count,
  id: string,
  bundle: string,
  rootfs: string,
  created: string,
  annotations: stringMap,
  cgroup: {
    kind: 'object',
    properties: {
      root: string,
      path: string,
      made: strings,
      unit: string,
      manager: { kind: 'string', values: ['system', 'user'] },
    },
    required: ['root', 'path', 'made'],
    partial: true,
  },
  rdt: {
    kind: 'object',
    properties: { root: string, path: string, made: boolean, named: boolean, monitoring: string },
    required: ['root', 'path', 'made', 'named'],
    partial: true,
  },
  sharedPidNamespace: boolean,
  noNewKeyring: boolean,
  noProgram: boolean,
  startHooks: boolean,
  mountsBelow: count,
  upper: {
    kind: 'object',
    properties: { path: string, work: string, id: string, workId: string, bootId: string },
    required: ['path', 'work', 'id', 'workId'],
    partial: true,
  },
  hooks: {
    kind: 'object',
    properties: { poststart: hooks['poststart'] as Shape, poststop: hooks['poststop'] as Shape },
    required: ['poststart', 'poststop'],
    partial: true,
  },
  network: {
    kind: 'object',
    properties: {
      attachments: {
        kind: 'list',
        of: {
          kind: 'object',
          properties: { name: string, bridge: string, interface: string, addresses: strings, link: string },
          required: ['name', 'bridge', 'interface', 'addresses'],
          partial: true,
        },
      },
      ports: strings,
      keeper: process,
    },
    required: ['attachments'],
    partial: true,
  },
  init: process,
  members: count,
};

const required = ['version', 'id', 'bundle', 'rootfs', 'created', 'sharedPidNamespace'];

const shape: ObjectShape = {
  kind: 'object',
  properties,
  required,
  partial: true,
};

type Document = Readonly<Record<string, unknown>>;

/** Serialises a record. The text contains the number of members, with which parseRecord detects a missing member. */
export function recordText(record: ContainerRecord): string {
  return JSON.stringify({ ...record, members: Object.keys(record).length });
}

/**
 * Parses and checks a record like config.json; returns a fault if the text is not a valid record.
 *
 * @param id - name of the directory that contains the record
 */
export function parseRecord(text: string, id: string): ContainerRecord | Fault {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return syntaxFault(text);
  }
  if (isUsual(document, id)) {
    const { members: _, ...usual } = document;
    return usual as unknown as ContainerRecord;
  }
  const version = (document as Document | null)?.['version'];
  if (typeof version === 'number' && version > recordVersion) {
    return { message: versionText(version), pointer: '/version', newer: true };
  }
  // recordText() writes no null, and the check skips null members.
  const nullMember = text.includes('null') ? nullFault(document) : undefined;
  if (nullMember !== undefined) return nullMember;
  const { value, problems } = checkShape(shape, document, '', 'the record');
  const [problem] = problems;
  if (problem !== undefined) return { message: problem.message, pointer: problem.pointer };
  const fault = faultOf(value, id);
  if (fault !== undefined) return fault;
  const { members, ...record } = value;
  const found = Object.keys(record).length;
  if (members !== undefined && members !== found) {
    return { message: `it has ${found} members and was written with ${members as number}` };
  }
  return record as unknown as ContainerRecord;
}

/**
 * Fast path for records without rare members. Every command reads a record, and the check would make `state` a tenth
 * slower. Never true for a record in which the check finds a fault.
 */
function isUsual(document: unknown, id: string): document is Document {
  if (typeof document !== 'object' || document === null) return false;
  const { cgroup, init, annotations, ...record } = document as Document;
  const optional = [cgroup, init, annotations].filter(member => member !== undefined).length;
  const found = Object.keys(document).length - 1;
  return (
    record['members'] === found &&
    found === required.length + optional &&
    record['version'] === recordVersion &&
    record['id'] === id &&
    isText(record['created']) &&
    typeof record['sharedPidNamespace'] === 'boolean' &&
    isCleanPath(record['bundle']) &&
    isCleanPath(record['rootfs']) &&
    (cgroup === undefined || isUsualCgroup(cgroup)) &&
    (init === undefined || isUsualInit(init)) &&
    (annotations === undefined || isUsualMap(annotations))
  );
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0');
}

function isCleanPath(value: unknown): value is string {
  return isText(value) && value.startsWith('/') && cleanPath(value) === value;
}

function isUsualMap(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.keys(value).every(isText) && Object.values(value).every(isText);
}

/** Returns true for a cgroup that the runtime made, not systemd. */
function isUsualCgroup(value: unknown): boolean {
  const { root, path, made, unit, manager } = (value ?? {}) as Document;
  if (!isCleanPath(root) || !isCleanPath(path) || !isBelow(path, root)) return false;
  if (unit !== undefined || manager !== undefined || !Array.isArray(made)) return false;
  return made.every(
    parent => isCleanPath(parent) && isBelow(parent, root) && (parent === path || isBelow(path, parent)),
  );
}

function isUsualInit(value: unknown): boolean {
  const { pid, startTime } = (value ?? {}) as Document;
  if (!Number.isInteger(pid) || !Number.isSafeInteger(startTime)) return false;
  return (pid as number) >= 1 && (pid as number) <= highestPid && (startTime as number) >= 0;
}

/** Returns the valid members of a damaged record, each checked by itself. */
export function validMembers(text: string, id: string): Partial<ContainerRecord> {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return {};
  }
  const valid: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(properties)) {
    const { value, problems } = checkShape(
      { kind: 'object', properties: { [name]: property }, partial: true },
      document,
      '',
    );
    const member = value[name];
    // The check skips null members, also required ones.
    const isComplete = nullFault((document as Document | null)?.[name]) === undefined;
    if (problems.length > 0 || member === undefined || !isComplete) continue;
    if (faultOf({ [name]: member }, id) === undefined) valid[name] = member;
  }
  return valid as Partial<ContainerRecord>;
}

function syntaxFault(text: string): Fault {
  if (text === '') return { message: 'it is empty' };
  try {
    parseJson(text);
  } catch (error) {
    return { message: toRuntimeError(error).message.replace(/^config\.json is/, 'it is') };
  }
  return { message: 'text follows the record' };
}

function nullFault(value: unknown, path: readonly string[] = []): Fault | undefined {
  if (value === null) {
    const pointer = formatPointer(path);
    return { message: `${pointer || 'the record'} must not be null`, pointer };
  }
  if (typeof value !== 'object') return undefined;
  for (const [name, member] of Object.entries(value as Document)) {
    const fault = nullFault(member, [...path, name]);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function versionText(version: number): string {
  return `/version is ${version}: this program reads versions 1 and ${recordVersion}`;
}

/** Checks beyond the types: version, id and paths. The document may have only some members of a record. */
function faultOf(document: Document, id: string): Fault | undefined {
  const record = document as Partial<ContainerRecord>;
  const at = (pointer: string, message: string): Fault => ({ message: `${pointer} ${message}`, pointer });
  if (record.version !== undefined && record.version !== recordVersion && record.version !== 1) {
    return { message: versionText(record.version), pointer: '/version' };
  }
  if (record.id !== undefined && record.id !== id)
    return at('/id', `is ${JSON.stringify(record.id)}, not "${id}"`);
  for (const [pointer, path] of paths(record)) {
    if (!path.startsWith('/') || cleanPath(path) !== path)
      return at(pointer, 'must be a clean absolute path');
  }
  const { cgroup, rdt } = record;
  if (cgroup !== undefined) {
    const { root, path, made } = cgroup;
    if (!isBelow(path, root)) return at('/cgroup/path', 'must be below /cgroup/root');
    for (const [index, parent] of made.entries()) {
      const isBetween = isBelow(parent, root) && (parent === path || isBelow(path, parent));
      if (!isBetween) return at(`/cgroup/made/${index}`, 'must be /cgroup/path or above it');
    }
    if ((cgroup.unit === undefined) !== (cgroup.manager === undefined)) {
      return at('/cgroup', 'must have both unit and manager, or none of them');
    }
  }
  if (rdt !== undefined && rdt.path !== rdt.root && !isBelow(rdt.path, rdt.root)) {
    return at('/rdt/path', 'must be below /rdt/root');
  }
  return undefined;
}

function* paths({
  bundle,
  rootfs,
  cgroup,
  rdt,
  upper,
}: Partial<ContainerRecord>): Generator<[pointer: string, path: string]> {
  if (bundle !== undefined) yield ['/bundle', bundle];
  if (rootfs !== undefined) yield ['/rootfs', rootfs];
  if (cgroup !== undefined) {
    yield ['/cgroup/root', cgroup.root];
    yield ['/cgroup/path', cgroup.path];
    for (const [index, path] of cgroup.made.entries()) yield [`/cgroup/made/${index}`, path];
  }
  if (upper !== undefined) {
    yield ['/upper/path', upper.path];
    yield ['/upper/work', upper.work];
  }
  if (rdt !== undefined) {
    yield ['/rdt/root', rdt.root];
    yield ['/rdt/path', rdt.path];
    if (rdt.monitoring !== undefined) yield ['/rdt/monitoring', rdt.monitoring];
  }
}
