// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ourBoundingSet } from './capabilities.ts';

/** A config.json that an engine wrote, made ready to run anywhere. */
export interface EngineConfig {
  /** File names: of configs that are the same after all, the first stands for the others. */
  readonly names: readonly string[];
  /** The document, with placeholders for what differs from machine to machine. */
  readonly text: string;
}

interface EngineMount {
  destination: string;
  type?: string;
  source?: string;
  options?: string[];
}

/** As much of it as has to be changed. */
interface Document {
  annotations?: unknown;
  hooks?: unknown;
  hostname?: string;
  root: { path: string };
  process: {
    terminal?: boolean;
    consoleSize?: unknown;
    apparmorProfile?: unknown;
    selinuxLabel?: unknown;
    args: string[];
    oomScoreAdj?: number;
    capabilities?: Record<string, string[]>;
    rlimits?: { type: string; soft: number; hard: number }[];
  };
  mounts: EngineMount[];
  linux: {
    resources?: unknown;
    uidMappings?: unknown;
    gidMappings?: unknown;
    mountLabel?: unknown;
    cgroupsPath?: string;
    namespaces: { type: string; path?: string }[];
    maskedPaths?: string[];
    readonlyPaths?: string[];
    devices?: { path: string }[];
  };
}

/** Reads all of a directory. */
export function engineConfigs(directory: string): EngineConfig[] {
  const found = new Map<string, string[]>();
  for (const file of readdirSync(directory).sort()) {
    if (!file.endsWith('.json')) continue;
    const text = adapt(readFileSync(join(directory, file), 'utf8'));
    found.set(text, [...(found.get(text) ?? []), basename(file, '.json')]);
  }
  return [...found].map(([text, names]) => ({ names, text }));
}

/** What a machine has its own of. */
export interface Places {
  /** The directory of what is mounted. */
  readonly sources: string;
  readonly cgroupsPath: string;
  /** A process whose namespaces are joined where the config joins some. */
  readonly pod: number;
}

/** Puts this machine's own into the document. */
export function settle(text: string, places: Places): string {
  return text
    .replaceAll('@pod@', String(places.pod))
    .replaceAll('@cgroup@', places.cgroupsPath)
    .replaceAll('@sources@', places.sources);
}

/** Makes the files and directories that a settled document mounts. */
export function makeSources(text: string, sources: string): void {
  mkdirSync(sources);
  for (const [path, kind] of text.matchAll(new RegExp(`${sources}/\\d+\\.(\\w+)`, 'g'))) {
    if (kind === 'file') writeFileSync(path, `the file ${basename(path)}\n`);
    else mkdirSync(path);
  }
}

function adapt(text: string): string {
  // container ids, in host names and variables too
  const document = JSON.parse(text.replace(/[0-9a-f]{64}|[0-9a-f]{12}/g, '0123456789ab')) as Document;
  leaveOutLaterWork(document);
  leaveOutWhatWeCannotGive(document);
  findPlaces(document);
  // engines may see them, containers do not
  delete document.annotations;
  // Programs of the engine's machine.
  delete document.hooks;
  document.root.path = 'rootfs';
  document.process.args = ['/bin/inside', '--probe', '/', ...lookedAt(document)];
  return JSON.stringify(document, undefined, 1);
}

/** Properties that tsubo refuses as long as it does not have them. */
function leaveOutLaterWork(document: Document): void {
  delete document.process.terminal;
  delete document.process.consoleSize;
  delete document.process.apparmorProfile;
  delete document.process.selinuxLabel;
  const { linux } = document;
  for (const key of ['resources', 'uidMappings', 'gidMappings', 'mountLabel'] as const) delete linux[key];
  linux.namespaces = linux.namespaces.filter(({ type }) => type !== 'user');
}

/** A caller without CAP_SYS_RESOURCE, or in a container itself, has not all that engines hand out. */
function leaveOutWhatWeCannotGive({ process: wanted }: Document): void {
  for (const [set, names] of Object.entries(wanted.capabilities ?? {})) {
    (wanted.capabilities ?? {})[set] = names.filter(name => ourBoundingSet.includes(name));
  }
  if (ourBoundingSet.includes('CAP_SYS_RESOURCE')) return;
  wanted.rlimits = (wanted.rlimits ?? []).filter(({ hard }) => hard <= 1024);
  if (wanted.oomScoreAdj !== undefined && wanted.oomScoreAdj < 0) delete wanted.oomScoreAdj;
}

/** Paths of the engine's machine. */
function findPlaces(document: Document): void {
  const { linux } = document;
  linux.cgroupsPath = '@cgroup@';
  const files: Readonly<Record<string, string>> = { network: 'net', mount: 'mnt' };
  for (const namespace of linux.namespaces) {
    if (namespace.path !== undefined)
      namespace.path = `/proc/@pod@/ns/${files[namespace.type] ?? namespace.type}`;
  }
  let count = 0;
  for (const mount of document.mounts) {
    const options = mount.options ?? [];
    const fresh = (kind: string) => `@sources@/${count++}.${kind}`;
    if (options.includes('bind') || options.includes('rbind')) {
      mount.source = fresh(isFile(mount.destination) ? 'file' : 'dir');
    } else if (mount.type === 'overlay') {
      mount.source = 'overlay';
      mount.options = options.map(option =>
        option.replace(
          /^(lowerdir|upperdir|workdir)=(.*)/,
          (_, key: string, value: string) =>
            `${key}=${value
              .split(':')
              .map(() => fresh('layer'))
              .join(':')}`,
        ),
      );
    }
  }
}

/** What engines bind over a file, going by their names for it. */
function isFile(destination: string): boolean {
  return /^\/etc\/(hosts|hostname|resolv\.conf)$|\.containerenv$|-init$|^\/run\/secrets\/|termination-log$|^\/hf$/.test(
    destination,
  );
}

/** The paths that the config makes something of. */
function lookedAt({ mounts, linux }: Document): string[] {
  const paths = [
    ...mounts.map(mount => mount.destination).filter(path => !/^\/(proc|sys)/.test(path)),
    ...[
      'null',
      'zero',
      'full',
      'random',
      'urandom',
      'tty',
      'console',
      'fd',
      'stdin',
      'stdout',
      'stderr',
      'ptmx',
      'core',
    ].map(name => `/dev/${name}`),
    ...(linux.devices ?? []).map(device => device.path),
    ...(linux.maskedPaths ?? []),
    ...(linux.readonlyPaths ?? []),
  ];
  return [...new Set(paths)];
}
