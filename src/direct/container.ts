// SPDX-License-Identifier: Apache-2.0

import { lastRealtime } from '../lifecycle/signals.ts';
import { type HealthCheck, isHealthCheck } from './health-check.ts';
import { isName } from './names.ts';

/** A mount of a container, as `--volume`, `--mount` or `--tmpfs` requested it or as the image declares it. */
export interface DirectMount {
  readonly type: 'bind' | 'volume' | 'tmpfs';
  /** Absolute path of the host. Absent for `tmpfs`. */
  readonly source?: string;
  /** Name of the volume. */
  readonly name?: string;
  /** The volume was made for this container, and `rm -v` removes it. */
  readonly anonymous?: boolean;
  /** Absolute path in the container. */
  readonly destination: string;
  readonly readOnly: boolean;
  /** Further options of mount(8). */
  readonly options: readonly string[];
}

/**
 * container.json: the properties of a container of an image, written by `create` and by commands that change them. Its
 * state is in other files: the runtime's record while it runs, exit.json after it has ended.
 */
export interface DirectContainer {
  /** Version of this document. */
  readonly version: 1;
  /** 64 hexadecimal digits; also the id in the runtime's root directory. */
  readonly id: string;
  readonly name: string;
  /** The image as on the command line. */
  readonly image: string;
  /** Digest of the image's config. */
  readonly imageId: string;
  /** Names of the image's layers in `layers/`, lowest first. */
  readonly layers: readonly string[];
  /** RFC 3339. */
  readonly created: string;
  /** Entrypoint and arguments. */
  readonly command: readonly string[];
  readonly entrypoint: readonly string[];
  readonly hostname: string;
  readonly user: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Values of `--network` of `create`. */
  readonly networks: readonly string[];
  /** Values of `--publish` of `create`. */
  readonly ports: readonly string[];
  /** Ports that the image declares: `80/tcp`. */
  readonly exposed: readonly string[];
  readonly mounts: readonly DirectMount[];
  /** CDI devices, whose files are read at each start: `vendor.com/class=name`. */
  readonly cdiDevices: readonly string[];
  readonly terminal: boolean;
  readonly openStdin: boolean;
  /** The container is removed after its end. */
  readonly remove: boolean;
  /** Number of the signal that `stop` sends first. */
  readonly stopSignal: number;
  /** Seconds until `stop` sends SIGKILL. */
  readonly stopTimeout: number;
  readonly privileged: boolean;
  readonly readOnly: boolean;
  /** Value of `--restart`; absent for `no`. */
  readonly restart?: string;
  /** Absent without a health check. */
  readonly health?: HealthCheck;
  /** The first process reaps processes and passes signals on; the program is its child. */
  readonly init: boolean;
}

type Kind = 'text' | 'texts' | 'switch' | 'number' | 'map' | 'mounts';

/** The type of each member that the commands rely on. */
const members: { readonly [Name in Exclude<keyof DirectContainer, 'restart' | 'health'>]: Kind } = {
  version: 'number',
  id: 'text',
  name: 'text',
  image: 'text',
  imageId: 'text',
  layers: 'texts',
  created: 'text',
  command: 'texts',
  entrypoint: 'texts',
  hostname: 'text',
  user: 'text',
  labels: 'map',
  networks: 'texts',
  ports: 'texts',
  exposed: 'texts',
  mounts: 'mounts',
  cdiDevices: 'texts',
  terminal: 'switch',
  openStdin: 'switch',
  remove: 'switch',
  stopSignal: 'number',
  stopTimeout: 'number',
  privileged: 'switch',
  readOnly: 'switch',
  init: 'switch',
};

/** The version of container.json that this program writes. */
const containerVersion = 1;

/** Parses container.json. Returns a text with the problem if it is damaged, and `newer` if a later version wrote it. */
export function parseContainer(
  text: string,
  id: string,
): DirectContainer | { readonly newer: number } | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'it is not valid JSON';
  }
  if (!isObject(value)) return 'it is not an object';
  const { version } = value;
  // Members of a later version are not known here.
  if (typeof version === 'number' && version > containerVersion) return { newer: version };
  for (const [name, kind] of Object.entries(members)) {
    if (!Object.hasOwn(value, name)) return `${name} is missing`;
    if (!isOf(kind, value[name])) return `${name} has a wrong type`;
  }
  if (Object.hasOwn(value, 'restart') && !isOf('text', value['restart'])) return 'restart has a wrong type';
  if (Object.hasOwn(value, 'health') && !isHealthCheck(value['health'])) return 'health has a wrong type';
  if (version !== containerVersion) return `version ${version} is unknown`;
  if (value['id'] !== id) return 'it has the id of another container';
  const container = value as unknown as DirectContainer;
  const { name, layers, stopSignal } = container;
  if (!isName(name)) return 'name is not a name of a container';
  const layer = layers.find(each => !/^[0-9a-f]{64}$/.test(each));
  if (layer !== undefined) return 'layers has an entry that is not a name of a layer';
  if (stopSignal < 1 || stopSignal > lastRealtime) return 'stopSignal is not a number of a signal';
  return container;
}

export function containerText(container: DirectContainer): string {
  return `${JSON.stringify(container, null, 2)}\n`;
}

function isOf(kind: Kind, value: unknown): boolean {
  switch (kind) {
    case 'text':
      return typeof value === 'string';
    case 'number':
      return Number.isSafeInteger(value);
    case 'switch':
      return typeof value === 'boolean';
    case 'texts':
      return Array.isArray(value) && value.every(item => typeof item === 'string');
    case 'map':
      return isObject(value) && Object.values(value).every(item => typeof item === 'string');
    case 'mounts':
      return Array.isArray(value) && value.every(isMount);
  }
}

function isMount(value: unknown): boolean {
  return (
    isObject(value) &&
    ['bind', 'volume', 'tmpfs'].includes(value['type'] as string) &&
    typeof value['destination'] === 'string' &&
    isOf('switch', value['readOnly']) &&
    isOf('texts', value['options']) &&
    (value['type'] === 'tmpfs') === (value['source'] === undefined) &&
    (value['source'] === undefined || typeof value['source'] === 'string') &&
    (value['name'] === undefined || typeof value['name'] === 'string') &&
    (value['anonymous'] === undefined || typeof value['anonymous'] === 'boolean')
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
