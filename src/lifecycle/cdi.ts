// SPDX-License-Identifier: Apache-2.0
import { parseJson } from '../bundle/json.ts';
import {
  applyEdits,
  deviceBehind,
  type EditedConfig,
  type HostDevice,
  type NamedEdits,
} from '../cdi/edits.ts';
import { type CdiSpec, cdiShape, cdiVersions, isKind, parseDeviceName } from '../cdi/spec.ts';
import { parseYaml, YamlError } from '../cdi/yaml.ts';
import { errno } from '../errors/errno.ts';
import { type ErrorFields, RuntimeError } from '../errors/error.ts';
import { hostFailure, isSystemError, onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { unlessMissing } from '../host/files.ts';
import { S_IF, S_IFMT } from '../kernel/files.ts';
import { checkShape } from '../validate/check-shape.ts';
import { allowedAnnotations } from './settings.ts';
import { parseDocument, type Sources, withSourceLocation } from './source-location.ts';

/** Directories of the specifications; a device in a later one replaces the same device in an earlier one. */
export const cdiDirectories = ['/etc/cdi', '/var/run/cdi'] as const;

/** The prefix of annotations with names of devices, separated by commas. */
const annotationPrefix = 'cdi.k8s.io/';
/** The entry of `allowAnnotations` in /etc/tsubo/tsubo.json that allows these annotations. */
const allowedWord = 'cdi.k8s.io/*';

const option = '--device';

interface Request {
  readonly text: string;
  readonly kind: string;
  readonly name: string;
  /** Place of the request. */
  readonly place: Pick<ErrorFields, 'pointer' | 'document'>;
}

/**
 * Adds the edits of the requested devices to the config. Without a request it reads no file and returns undefined.
 *
 * @param document - config.json, unchecked
 * @param devices - of the option: `vendor.com/class=name`
 * @throws RuntimeError `cdi.*`
 */
export function withDevices(
  binding: Binding,
  document: unknown,
  devices: readonly string[] = [],
): EditedConfig | undefined {
  const requests = [
    ...devices.map(text => requestOf(text, { document: option })),
    ...annotated(binding, document),
  ];
  if (requests.length === 0) return undefined;
  const isRoot = binding.identity().euid === 0;
  return applyEdits(document, findDevices(binding, requests), {
    isRoot,
    deviceAt: (path, device) => deviceAt(binding, path, device),
  });
}

/**
 * Returns the source of pointers in an edited config: the device that added the part, otherwise the source of the
 * config.
 */
export function devicesOr({ origins }: EditedConfig, others: Sources): Sources {
  return pointer => {
    const device = deviceBehind(origins, pointer);
    if (device !== undefined) return { option: `CDI device ${device}` };
    return typeof others === 'function' ? others(pointer) : others;
  };
}

/**
 * Returns the devices in annotations, if the administrator allows them. Otherwise they are ignored: an engine that
 * supports them has applied them to config.json already.
 */
function annotated(binding: Binding, document: unknown): Request[] {
  const { annotations } = (document ?? {}) as { annotations?: unknown };
  if (typeof annotations !== 'object' || annotations === null) return [];
  const found = Object.entries(annotations).filter(([name]) => name.startsWith(annotationPrefix));
  if (found.length === 0 || !allowedAnnotations(binding).includes(allowedWord)) return [];
  return found.flatMap(([name, value]) =>
    String(value)
      .split(',')
      .map(text => requestOf(text.trim(), { pointer: `/annotations/${name.replaceAll('/', '~1')}` })),
  );
}

function requestOf(text: string, place: Request['place']): Request {
  const name = parseDeviceName(text);
  if (name !== undefined) return { text, ...name, place };
  throw new RuntimeError({
    code: 'cdi.bad-name',
    ...place,
    value: text,
    message: `invalid CDI device name ${JSON.stringify(text)}`,
    hint: text.startsWith('/')
      ? 'a device file belongs into linux.devices of config.json'
      : 'write VENDOR/CLASS=NAME, such as nvidia.com/gpu=0',
  });
}

/** One file with the devices that it defines. */
interface SpecFile {
  readonly path: string;
  readonly spec: CdiSpec;
}

/**
 * Returns the edits of the devices in the order of the requests. A file's common edits precede those of its first
 * device.
 */
function findDevices(binding: Binding, requests: readonly Request[]): NamedEdits[] {
  const faults: RuntimeError[] = [];
  const levels = cdiDirectories.map(directory => readSpecs(binding, directory, faults));
  const applied = new Set<SpecFile | string>();
  return requests.flatMap(request => {
    if (applied.has(request.text)) return [];
    applied.add(request.text);
    const file = fileOf(levels, request);
    if (file === undefined) throw unresolved(request, levels, faults);
    const own = applied.has(file) ? undefined : file.spec.containerEdits;
    applied.add(file);
    const device = file.spec.devices.find(({ name }) => name === request.name);
    return [own, device?.containerEdits].flatMap(edits =>
      edits === undefined ? [] : [{ device: request.text, edits }],
    );
  });
}

/** @throws RuntimeError `cdi.conflict` if two files of one directory define the device */
function fileOf(levels: readonly (readonly SpecFile[])[], request: Request): SpecFile | undefined {
  for (const files of [...levels].reverse()) {
    const found = files.filter(
      ({ spec }) => spec.kind === request.kind && spec.devices.some(({ name }) => name === request.name),
    );
    if (found.length > 1) {
      throw new RuntimeError({
        code: 'cdi.conflict',
        ...request.place,
        value: request.text,
        message: `CDI device ${request.text} is defined twice: in ${found.map(({ path }) => path).join(' and ')}`,
        hint: 'remove one of the two files',
      });
    }
    if (found[0] !== undefined) return found[0];
  }
  return undefined;
}

function unresolved(
  { text, kind, place }: Request,
  levels: readonly (readonly SpecFile[])[],
  faults: readonly RuntimeError[],
): RuntimeError {
  const known = levels
    .flat()
    .filter(({ spec }) => spec.kind === kind)
    .flatMap(({ spec }) => spec.devices.map(({ name }) => `${kind}=${name}`));
  const [fault] = faults;
  const hint =
    fault !== undefined
      ? `a file cannot be used: ${fault.message}`
      : known.length > 0
        ? `these exist: ${[...new Set(known)].slice(0, 20).join(' ')}`
        : `no file in ${cdiDirectories.join(' or ')} defines ${kind}: the vendor's tool writes one, for example nvidia-ctk cdi generate`;
  return new RuntimeError({
    code: 'cdi.not-found',
    ...place,
    value: text,
    // containerd, CRI-O and Podman print the same words.
    message: `unresolvable CDI devices ${text}`,
    hint,
  });
}

function readSpecs(binding: Binding, directory: string, faults: RuntimeError[]): SpecFile[] {
  const names =
    onHost(`unable to read ${directory}`, () => unlessMissing(() => binding.readdir(directory))) ?? [];
  return names
    .filter(name => /\.(json|yaml)$/.test(name))
    .flatMap(name => {
      const path = `${directory}/${name}`;
      try {
        return [{ path, spec: readSpec(binding, path) }];
      } catch (error) {
        if (!(error instanceof RuntimeError)) throw error;
        faults.push(error);
        return [];
      }
    });
}

function readSpec(binding: Binding, path: string): CdiSpec {
  const text = trustedText(binding, path);
  const document = path.endsWith('.json')
    ? withSourceLocation({ text, document: path }, () => parseDocument(text, path))
    : yaml(text, path);
  const { value, problems } = checkShape(cdiShape, document, '', path);
  const spec = value as unknown as CdiSpec;
  const [problem] = problems;
  const fault =
    problem !== undefined
      ? `${problem.message}${problem.pointer ? ` (${problem.pointer})` : ''}`
      : !cdiVersions.has(spec.cdiVersion)
        ? `cdiVersion ${JSON.stringify(spec.cdiVersion)} is not known; the latest is ${[...cdiVersions].at(-1)}`
        : isKind(spec.kind)
          ? undefined
          : `invalid kind ${JSON.stringify(spec.kind)}`;
  if (fault !== undefined) throw badSpec(path, fault);
  return spec;
}

/** A specification can name a hook, which runs as root: no other user may be able to write it. */
function trustedText(binding: Binding, path: string): string {
  try {
    // A FIFO would block the read until it has a writer.
    const status = binding.stat(path);
    if (status !== undefined && (status.mode & S_IFMT) !== S_IF.S_IFREG)
      throw badSpec(path, 'it is not a regular file');
    return binding.readTextIfThere(path, true) ?? '';
  } catch (error) {
    if (isSystemError(error) && error.errno === errno.EPERM)
      throw badSpec(path, 'other users can write to it');
    throw isSystemError(error) ? hostFailure(error, `unable to read ${path}`) : error;
  }
}

function yaml(text: string, path: string): unknown {
  try {
    // Values have the form of JSON, with exact numbers.
    return parseJson(JSON.stringify(parseYaml(text)));
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    throw badSpec(`${path}:${error.line}`, `${error.message}; JSON is accepted too`);
  }
}

function badSpec(path: string, why: string): RuntimeError {
  return new RuntimeError({
    code: 'cdi.bad-spec',
    message: `the CDI specification ${path} is not valid: ${why}`,
    path,
    hint: 'correct the file, or write it again with the tool of the vendor',
  });
}

function deviceAt(binding: Binding, path: string, device: string): HostDevice {
  const found = onHost(`unable to look up ${path} of CDI device ${device}`, () => binding.stat(path));
  const type = deviceTypes.get((found?.mode ?? 0) & S_IFMT);
  if (found !== undefined && type !== undefined)
    return { type, major: found.rdevMajor, minor: found.rdevMinor };
  throw new RuntimeError({
    code: 'cdi.no-device',
    message: `CDI device ${device} needs ${path}, which ${found === undefined ? 'does not exist' : 'is not a device'}`,
    path,
    hint: 'load the driver of the device, and write the specification again',
  });
}

const deviceTypes: ReadonlyMap<number, string> = new Map([
  [S_IF.S_IFBLK, 'b'],
  [S_IF.S_IFCHR, 'c'],
  [S_IF.S_IFIFO, 'p'],
]);
