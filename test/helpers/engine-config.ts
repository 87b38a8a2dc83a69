// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ownBoundingSet } from './capabilities.ts';

/** A config.json of an engine, adapted to run on any machine. */
export interface EngineConfig {
  /** File names. Configs with the same text are merged, and the first name identifies them. */
  readonly names: readonly string[];
  /** The document, with placeholders for values that depend on the machine. */
  readonly text: string;
}

interface EngineMount {
  destination: string;
  type?: string;
  source?: string;
  options?: string[];
}

/** The properties that are changed here. */
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

/** Reads all configs of a directory. */
export function engineConfigs(directory: string): EngineConfig[] {
  const found = new Map<string, string[]>();
  for (const file of readdirSync(directory).sort()) {
    if (!file.endsWith('.json')) continue;
    const text = adapt(readFileSync(join(directory, file), 'utf8'));
    found.set(text, [...(found.get(text) ?? []), basename(file, '.json')]);
  }
  return [...found].map(([text, names]) => ({ names, text }));
}

/** Values that depend on the machine. */
export interface PlaceholderValues {
  /** Directory of the mount sources. */
  readonly sources: string;
  readonly cgroupsPath: string;
  /** Pid of a process whose namespaces the config joins. */
  readonly pod: number;
}

/** Replaces the placeholders. */
export function fillPlaceholders(text: string, places: PlaceholderValues): string {
  return text
    .replaceAll('@pod@', String(places.pod))
    .replaceAll('@cgroup@', places.cgroupsPath)
    .replaceAll('@sources@', places.sources);
}

/** Creates the files and directories that a document mounts after the replacement. */
export function makeSources(text: string, sources: string): void {
  mkdirSync(sources);
  for (const [path, kind] of text.matchAll(new RegExp(`${sources}/\\d+\\.(\\w+)`, 'g'))) {
    if (kind === 'file') writeFileSync(path, `the file ${basename(path)}\n`);
    else mkdirSync(path);
  }
}

function adapt(text: string): string {
  // Container ids also occur in host names and environment variables.
  const document = JSON.parse(text.replace(/[0-9a-f]{64}|[0-9a-f]{12}/g, '0123456789ab')) as Document;
  omitUncomparedProperties(document);
  omitUnavailableRights(document);
  insertPlaceholders(document);
  // Engines read annotations, containers do not see them.
  delete document.annotations;
  // Hooks are programs on the machine of the engine.
  delete document.hooks;
  document.root.path = 'rootfs';
  document.process.args = ['/bin/inside', '--probe', '/', ...probedPaths(document)];
  return JSON.stringify(document, undefined, 1);
}

/** Properties whose effect these tests do not compare. */
function omitUncomparedProperties(document: Document): void {
  delete document.process.terminal;
  delete document.process.consoleSize;
  delete document.process.apparmorProfile;
  delete document.process.selinuxLabel;
  const { linux } = document;
  for (const key of ['resources', 'uidMappings', 'gidMappings', 'mountLabel'] as const) delete linux[key];
  linux.namespaces = linux.namespaces.filter(({ type }) => type !== 'user');
}

/** A caller without CAP_SYS_RESOURCE, or in a container, lacks some of the rights that engines grant. */
function omitUnavailableRights({ process: wanted }: Document): void {
  for (const [set, names] of Object.entries(wanted.capabilities ?? {})) {
    (wanted.capabilities ?? {})[set] = names.filter(name => ownBoundingSet.includes(name));
  }
  if (ownBoundingSet.includes('CAP_SYS_RESOURCE')) return;
  wanted.rlimits = (wanted.rlimits ?? []).filter(({ hard }) => hard <= 1024);
  if (wanted.oomScoreAdj !== undefined && wanted.oomScoreAdj < 0) delete wanted.oomScoreAdj;
}

/** Replaces paths of the machine of the engine. */
function insertPlaceholders(document: Document): void {
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

/** Whether engines bind a file there, judged by its usual names. */
function isFile(destination: string): boolean {
  return /^\/etc\/(hosts|hostname|resolv\.conf)$|\.containerenv$|-init$|^\/run\/secrets\/|termination-log$|^\/hf$/.test(
    destination,
  );
}

/** The paths that the config affects. */
function probedPaths({ mounts, linux }: Document): string[] {
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
