// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { didYouMean } from '../errors/spelling.ts';
import { cleanPath } from '../host/paths.ts';
import { type CapabilityName, capabilityNumbers } from '../kernel/capabilities.ts';
import { rlimitNumbers } from '../kernel/rlimits.ts';
import type { Rlimit } from '../oci/config.ts';
import type { HealthRequest } from './health-check.ts';

/** The options of `container run` and `create`, parsed. */
export interface ContainerRequest {
  readonly image: string;
  /** Words after the image. */
  readonly args: readonly string[];
  readonly name?: string;
  /** An empty text removes the image's entrypoint. */
  readonly entrypoint?: string;
  /** `NAME=VALUE`, or `NAME` to remove a variable of the image. */
  readonly env: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly groups: readonly string[];
  readonly hostname?: string;
  readonly domainname?: string;
  readonly terminal: boolean;
  readonly openStdin: boolean;
  readonly remove: boolean;
  /** Value of `--restart`; absent for `no`. */
  readonly restart?: string;
  /** Replaces members of the image's health check. */
  readonly health?: HealthRequest;
  /** The files need not survive a crash of the machine. */
  readonly discard?: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly mounts: readonly MountRequest[];
  readonly network: NetworkChoice;
  /** Values for `--publish` of the runtime's own create. */
  readonly ports: readonly string[];
  readonly exposed: readonly string[];
  readonly memory?: number;
  readonly memorySwap?: number;
  readonly memoryReservation?: number;
  readonly sharedMemory?: number;
  /** Microseconds in each period of 100 ms. */
  readonly cpuQuota?: number;
  readonly cpuShares?: number;
  readonly cpus?: string;
  readonly pids?: number;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly readOnly: boolean;
  readonly privileged: boolean;
  readonly devices: readonly DeviceRequest[];
  /** `vendor.com/class=name`. */
  readonly cdiDevices: readonly string[];
  readonly security: SecurityRequest;
  readonly ulimits: readonly Rlimit[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly init: boolean;
  readonly stopSignal?: string;
  readonly stopTimeout?: number;
  readonly hosts: readonly string[];
  readonly dns: readonly string[];
}

/** The host's network namespace, one without interfaces, that of another container, or networks of the machine. */
export type NetworkChoice =
  | 'host'
  | 'none'
  | { readonly container: string }
  | { readonly networks: readonly string[] };

export interface MountRequest {
  readonly type: 'bind' | 'volume' | 'tmpfs';
  /** A path of the host, or the name of a volume; absent for an anonymous volume and a tmpfs. */
  readonly source?: string;
  readonly destination: string;
  readonly readOnly: boolean;
  readonly options: readonly string[];
  /** A missing directory of the host is made, as for `--volume`. */
  readonly makeSource: boolean;
  /** An empty volume gets the content of the image. */
  readonly copy: boolean;
}

export interface DeviceRequest {
  readonly source: string;
  readonly path: string;
  readonly access: string;
}

export interface SecurityRequest {
  /** `unconfined`, or a file with a profile. */
  readonly seccomp?: string;
  readonly apparmor?: string;
  readonly noNewPrivileges: boolean;
  readonly unmasked: boolean;
}

function bad(option: string, value: string, problem: string, hint?: string): RuntimeError {
  return new RuntimeError({
    code: 'usage.bad-value',
    message: `invalid value ${JSON.stringify(value)} for ${option}: ${problem}`,
    value,
    hint,
  });
}

// ---- sizes and numbers ---------------------------------------------------------------------------------------------

const units: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
};

/** Parses a size such as `512m`, `1.5g` or `1048576` to bytes. */
export function parseBytes(option: string, text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,15}(?:\.\d{1,6})?)\s?(?:([bkmgt])(?:i?b)?)?$/i.exec(text) ?? [];
  const bytes = Math.floor(Number(digits) * (units[unit.toLowerCase()] ?? 1));
  if (digits !== '' && Number.isSafeInteger(bytes)) return bytes;
  throw bad(option, text, 'it is not a number of bytes', 'write a number with a unit: 512m, 1g');
}

/** In bytes. The kernel cannot run a program with less; Docker has the same limit. */
const leastMemory = 6 << 20;

export function parseMemory(option: string, text: string): number {
  const bytes = parseBytes(option, text);
  if (bytes >= leastMemory) return bytes;
  throw bad(option, text, 'the minimum memory limit is 6MB', 'give 6m or more');
}

/** Parses `--cpus` to microseconds of quota in each period of 100 ms. */
export function parseCpus(text: string): number {
  const value = /^\d{1,6}(\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 0.01) return Math.round(value * 100_000);
  throw bad('--cpus', text, 'it is not a number of processors', 'write a number such as 0.5 or 2');
}

export function parseNumber(option: string, text: string, least: number): number {
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least) return value;
  throw bad(option, text, `it is not a whole number from ${least} on`);
}

// ---- environment, labels -------------------------------------------------------------------------------------------

/**
 * Parses values of `--env`: `NAME=VALUE`; a name alone takes the value of the caller's environment.
 *
 * @param callersValue - the caller's environment
 */
export function parseEnv(
  option: string,
  values: readonly string[],
  callersValue: (name: string) => string | undefined,
): string[] {
  return values.map(value => {
    if (value === '' || value.startsWith('=') || value.includes('\0')) {
      throw bad(option, value, 'the name of the variable is empty', 'write NAME=VALUE');
    }
    if (value.includes('=')) return value;
    const own = callersValue(value);
    return own === undefined ? value : `${value}=${own}`;
  });
}

/** Parses a file of `--env-file`. Empty lines and comments are ignored; values have no quotes or escapes. */
export function parseEnvFile(
  text: string,
  file: string,
  callersValue: (name: string) => string | undefined,
): string[] {
  const lines = text
    .split('\n')
    .map(line => line.replace(/\r$/, '').replace(/^\s+/, ''))
    .filter(line => line !== '' && !line.startsWith('#'));
  for (const line of lines) {
    const name = line.split('=', 1)[0] ?? '';
    if (/\s/.test(name)) {
      throw bad('--env-file', line, `variable ${JSON.stringify(name)} of ${file} contains whitespace`);
    }
  }
  // Omit a name that has no value in the caller's environment.
  return parseEnv('--env-file', lines, callersValue).filter(entry => entry.includes('='));
}

/** Parses values of `--label` and `--sysctl`: `KEY=VALUE`; a key alone has an empty value. */
export function parsePairs(option: string, values: readonly string[]): Record<string, string> {
  const pairs: [string, string][] = [];
  for (const value of values) {
    const equals = value.indexOf('=');
    const key = equals < 0 ? value : value.slice(0, equals);
    if (key === '') throw bad(option, value, 'the key is empty', 'write KEY=VALUE');
    pairs.push([key, equals < 0 ? '' : value.slice(equals + 1)]);
  }
  return Object.fromEntries(pairs);
}

// ---- mounts --------------------------------------------------------------------------------------------------------

const propagations = ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'];
const volumeName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/;

/**
 * Parses a value of `--volume`: `[SOURCE:]DESTINATION[:OPTIONS]`.
 *
 * @param directory - the caller's working directory, for a relative source
 */
export function parseVolume(value: string, directory: () => string): MountRequest {
  const parts = value.split(':');
  if (parts.length > 3 || parts.includes('')) {
    throw bad(
      '--volume',
      value,
      'it is not of the form SOURCE:DESTINATION:OPTIONS',
      'write /srv/www:/www:ro',
    );
  }
  const [source, destination, words = ''] = parts.length === 1 ? [undefined, parts[0], ''] : parts;
  let readOnly = false;
  let copy = true;
  const options: string[] = [];
  for (const word of words === '' ? [] : words.split(',')) {
    if (word === 'ro' || word === 'rw') readOnly = word === 'ro';
    else if (word === 'nocopy') copy = false;
    else if (propagations.includes(word)) options.push(word);
    else if (!['z', 'Z', 'consistent', 'cached', 'delegated', 'copy'].includes(word)) {
      throw bad(
        '--volume',
        value,
        `unknown option ${JSON.stringify(word)}`,
        'the options are ro, rw, nocopy and propagations',
      );
    }
  }
  const target = mountTarget('--volume', value, destination ?? '');
  const common = { destination: target, readOnly, options, copy };
  if (source === undefined) return { type: 'volume', ...common, makeSource: false };
  if (source.startsWith('/') || source === '.' || source === '..' || /^\.{1,2}\//.test(source)) {
    const path = source.startsWith('/') ? source : `${directory()}/${source}`;
    return { type: 'bind', source: cleanPath(path), ...common, makeSource: true };
  }
  if (!volumeName.test(source)) {
    throw bad(
      '--volume',
      value,
      `${JSON.stringify(source)} is neither a path nor the name of a volume`,
      'a path begins with / or ./; a name has letters, digits and _ . -',
    );
  }
  return { type: 'volume', source, ...common, makeSource: false };
}

/** Parses a value of `--mount`: `type=bind,source=/srv,target=/srv,readonly`. */
export function parseMount(value: string, directory: () => string): MountRequest {
  let type = 'volume';
  let source: string | undefined;
  let destination = '';
  let readOnly = false;
  let copy = true;
  const options: string[] = [];
  for (const pair of value.split(',')) {
    const equals = pair.indexOf('=');
    const key = (equals < 0 ? pair : pair.slice(0, equals)).toLowerCase();
    const text = equals < 0 ? '' : pair.slice(equals + 1);
    const isOn = equals < 0 || text === 'true' || text === '1';
    switch (key) {
      case 'type':
        type = text;
        break;
      case 'source':
      case 'src':
        source = text;
        break;
      case 'target':
      case 'destination':
      case 'dst':
        destination = text;
        break;
      case 'readonly':
      case 'ro':
        readOnly = isOn;
        break;
      case 'volume-nocopy':
        copy = !isOn;
        break;
      case 'bind-propagation':
        if (!propagations.includes(text))
          throw bad('--mount', value, `unknown propagation ${JSON.stringify(text)}`);
        options.push(text);
        break;
      case 'tmpfs-size':
        options.push(`size=${parseBytes('--mount', text)}`);
        break;
      case 'tmpfs-mode':
        options.push(`mode=${text}`);
        break;
      default:
        throw bad(
          '--mount',
          value,
          `unexpected key ${JSON.stringify(key)}`,
          'the keys are type, source, target, readonly',
        );
    }
  }
  if (type !== 'bind' && type !== 'volume' && type !== 'tmpfs') {
    throw bad(
      '--mount',
      value,
      `unknown type ${JSON.stringify(type)}`,
      'the types are bind, volume and tmpfs',
    );
  }
  const target = mountTarget('--mount', value, destination);
  if (type === 'tmpfs') {
    if (source !== undefined) throw bad('--mount', value, 'a tmpfs has no source');
    return { type, destination: target, readOnly, options, copy: false, makeSource: false };
  }
  if (type === 'bind') {
    if (source === undefined || source === '') throw bad('--mount', value, 'a bind mount needs a source');
    const path = source.startsWith('/') ? source : `${directory()}/${source}`;
    return {
      type,
      source: cleanPath(path),
      destination: target,
      readOnly,
      options,
      copy: false,
      makeSource: false,
    };
  }
  const isNamed = source !== undefined && source !== '';
  if (isNamed && !volumeName.test(source ?? '')) {
    throw bad(
      '--mount',
      value,
      `invalid volume name ${JSON.stringify(source)}`,
      'for a path of the host write type=bind',
    );
  }
  return {
    type,
    ...(isNamed && source !== undefined && { source }),
    destination: target,
    readOnly,
    options,
    copy,
    makeSource: false,
  };
}

/** Parses a value of `--tmpfs`: `PATH[:OPTIONS]`. */
export function parseTmpfs(value: string): MountRequest {
  const colon = value.indexOf(':');
  const path = colon < 0 ? value : value.slice(0, colon);
  const words = colon < 0 ? '' : value.slice(colon + 1);
  return {
    type: 'tmpfs',
    destination: mountTarget('--tmpfs', value, path),
    readOnly: words.split(',').includes('ro'),
    options: words.split(',').filter(word => word !== '' && word !== 'ro' && word !== 'rw'),
    copy: false,
    makeSource: false,
  };
}

function mountTarget(option: string, value: string, path: string): string {
  if (!path.startsWith('/')) {
    throw bad(option, value, 'the path in the container must be absolute', 'begin it with /');
  }
  const clean = cleanPath(path);
  if (clean === '/') throw bad(option, value, "the destination can't be '/'");
  return clean;
}

// ---- devices, limits, rights ---------------------------------------------------------------------------------------

/** Parses a value of `--device`: `SOURCE[:PATH][:ACCESS]`. */
export function parseDevice(value: string): DeviceRequest {
  const parts = value.split(':');
  const [source = '', second, third] = parts;
  const isAccess = second !== undefined && /^[rwm]{1,3}$/.test(second);
  const path = second === undefined || isAccess ? source : second;
  const access = isAccess ? second : (third ?? 'rwm');
  if (parts.length > 3 || !source.startsWith('/') || !path.startsWith('/') || !/^[rwm]{1,3}$/.test(access)) {
    throw bad(
      '--device',
      value,
      'it is not of the form SOURCE:PATH:ACCESS',
      'write /dev/fuse or /dev/sdb:/dev/xvdb:r, or a CDI device: nvidia.com/gpu=0',
    );
  }
  return { source: cleanPath(source), path: cleanPath(path), access };
}

/** Parses a value of `--ulimit`: `nofile=1024:2048`; -1 means unlimited. */
export function parseUlimit(value: string): Rlimit {
  const [, name = '', soft = '', hard = soft] = /^(\w+)=(-?\d{1,19})(?::(-?\d{1,19}))?$/.exec(value) ?? [];
  const type = `RLIMIT_${name.toUpperCase()}`;
  if (name === '')
    throw bad('--ulimit', value, 'it is not of the form NAME=SOFT:HARD', 'write nofile=1024:2048');
  if (!Object.hasOwn(rlimitNumbers, type)) {
    const names = Object.keys(rlimitNumbers).map(key => key.slice('RLIMIT_'.length).toLowerCase());
    throw bad(
      '--ulimit',
      value,
      `unknown limit ${JSON.stringify(name)}`,
      didYouMean(name, names) ?? `the limits are ${names.join(', ')}`,
    );
  }
  const limits = [soft, hard].map(text => limitNumber(text));
  const [softLimit = 0n, hardLimit = 0n] = limits;
  if (softLimit > hardLimit) throw bad('--ulimit', value, 'the soft limit is above the hard limit');
  return { type, soft: exact(softLimit), hard: exact(hardLimit) };
}

const unlimited = (1n << 64n) - 1n;

function limitNumber(text: string): bigint {
  const number = BigInt(text);
  return number < 0n ? unlimited : number;
}

function exact(value: bigint): number | bigint {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/** Returns the capabilities after `--cap-add` and `--cap-drop`; `ALL` means all that the caller has. */
export function capabilitiesOf(
  defaults: readonly string[],
  add: readonly string[],
  drop: readonly string[],
  own: readonly string[],
): string[] {
  const added = add.map(name => capabilityName('--cap-add', name));
  const dropped = drop.map(name => capabilityName('--cap-drop', name));
  const base = added.includes('ALL')
    ? own
    : dropped.includes('ALL')
      ? []
      : defaults.filter(name => own.includes(name));
  const kept = dropped.includes('ALL') && added.includes('ALL') ? own : base;
  const all = new Set([
    ...kept.filter(name => !(dropped as readonly string[]).includes(name)),
    ...added.filter(name => name !== 'ALL'),
  ]);
  return Object.keys(capabilityNumbers).filter(name => all.has(name));
}

function capabilityName(option: string, text: string): CapabilityName | 'ALL' {
  const upper = text.toUpperCase();
  if (upper === 'ALL') return 'ALL';
  const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (Object.hasOwn(capabilityNumbers, name)) return name as CapabilityName;
  const known = Object.keys(capabilityNumbers).map(key => key.slice('CAP_'.length));
  throw bad(
    option,
    text,
    'unknown capability',
    didYouMean(upper.replace(/^CAP_/, ''), known) ?? 'see capabilities(7)',
  );
}

/** Parses the values of `--security-opt`. */
export function parseSecurity(values: readonly string[]): SecurityRequest {
  let seccomp: string | undefined;
  let apparmor: string | undefined;
  let noNewPrivileges = false;
  let unmasked = false;
  for (const value of values) {
    const [, key = '', text = ''] = /^([^=:]*)(?:[=:](.*))?$/s.exec(value) ?? [];
    switch (key) {
      case 'no-new-privileges':
        noNewPrivileges = text === '' || text === 'true';
        break;
      case 'seccomp':
        seccomp = text;
        break;
      case 'apparmor':
        apparmor = text;
        break;
      case 'label':
        // Containers of images have no SELinux label, therefore `disable` changes nothing.
        if (text === 'disable' || text === '') break;
        throw bad(
          '--security-opt',
          value,
          'containers of images have no SELinux label',
          'use label=disable, or tsubo run with selinuxLabel in config.json',
        );
      case 'systempaths':
        unmasked = text === 'unconfined';
        break;
      default:
        throw bad(
          '--security-opt',
          value,
          `unknown option ${JSON.stringify(key)}`,
          'the options are seccomp, apparmor, label, systempaths and no-new-privileges',
        );
    }
    if (key !== 'no-new-privileges' && text === '')
      throw bad('--security-opt', value, `${key} needs a value`);
  }
  return {
    ...(seccomp !== undefined && { seccomp }),
    ...(apparmor !== undefined && { apparmor }),
    noNewPrivileges,
    unmasked,
  };
}

// ---- networks ------------------------------------------------------------------------------------------------------

/**
 * Parses the values of `--network`, `--ip` and `--mac-address`. Without them, the network is `default`, which Docker
 * calls `bridge`.
 */
export function parseNetworks(
  values: readonly string[],
  { ip, mac }: { readonly ip?: string; readonly mac?: string },
): NetworkChoice {
  const [only] = values;
  if (values.length === 1 && (only === 'none' || only === 'host')) {
    if (ip === undefined && mac === undefined) return only;
    throw bad(
      ip === undefined ? '--mac-address' : '--ip',
      ip ?? mac ?? '',
      `the network ${only} has no addresses`,
    );
  }
  const wrong = values.find(value => value === 'none' || value === 'host');
  if (wrong !== undefined) throw bad('--network', wrong, 'it cannot be combined with another network');
  const joined = values.find(value => value.startsWith('container:'));
  if (joined !== undefined) {
    const container = joined.slice('container:'.length);
    if (container === '') throw bad('--network', joined, 'the name of the container is missing');
    if (values.length > 1) throw bad('--network', joined, 'it cannot be combined with another network');
    if (ip === undefined && mac === undefined) return { container };
    throw bad(
      ip === undefined ? '--mac-address' : '--ip',
      ip ?? mac ?? '',
      `the addresses are those of the container ${container}`,
    );
  }
  const names =
    values.length === 0 ? ['default'] : values.map(value => value.replace(/^bridge(?=:|$)/, 'default'));
  const keys = [...(ip === undefined ? [] : [`ip=${ip}`]), ...(mac === undefined ? [] : [`mac=${mac}`])].join(
    ',',
  );
  if (keys === '') return { networks: names };
  const [head = '', ...rest] = names;
  return { networks: [head.includes(':') ? `${head},${keys}` : `${head}:${keys}`, ...rest] };
}

/** Parses a value of `--add-host`, `NAME:ADDRESS` or `NAME=ADDRESS`, and returns the line of /etc/hosts. */
export function parseHost(value: string): string {
  const [, name = '', address = ''] = /^([^:=\s]+)[:=](\S+)$/.exec(value) ?? [];
  if (name === '') throw bad('--add-host', value, 'it is not of the form NAME:ADDRESS', 'write db:10.0.0.5');
  return `${address.replace(/^\[(.*)\]$/, '$1')}\t${name}`;
}
