// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { onHost, refusalOf } from '../errors/system.ts';
import { makeClaim, readClaims } from '../host/claims.ts';
import { isDirectory, makeDirectories, unlessMissing } from '../host/files.ts';
import { withLock } from '../host/lock.ts';
import { entryPath } from '../host/paths.ts';
import { timestampSeconds } from '../lifecycle/timestamp.ts';
import type { DirectContainer } from './container.ts';
import { checkName, idOf } from './names.ts';
import { type DirectStore, listContainers, randomBytes } from './store.ts';

/** volume.json */
export interface Volume {
  readonly name: string;
  readonly created: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The volume was made for one container. */
  readonly anonymous: boolean;
}

const recordName = 'volume.json';
const dataName = '_data';

function volumesPath({ directory }: DirectStore): string {
  return `${directory}/volumes`;
}

export function volumePath(store: DirectStore, name: string): string {
  return `${volumesPath(store)}/${name}`;
}

/** Returns the directory that is mounted in containers. */
export function volumeData(store: DirectStore, name: string): string {
  return `${volumePath(store, name)}/${dataName}`;
}

/** Returns a random name for an anonymous volume. */
export function anonymousName(store: DirectStore): string {
  return idOf(randomBytes(store.binding, 32));
}

/**
 * Makes a volume in a directory beside its path, and renames the directory when it is complete. Returns false if the
 * volume exists.
 *
 * @throws RuntimeError `direct.bad-name`
 */
export function makeVolume(
  store: DirectStore,
  name: string,
  { labels = {}, anonymous = false }: Partial<Pick<Volume, 'labels' | 'anonymous'>> = {},
): boolean {
  checkName('volume', name);
  const { binding } = store;
  const directory = volumePath(store, name);
  if (isDirectory(binding, directory, true)) return false;
  const unfinished = `${volumesPath(store)}/.new-${binding.pid()}-${name}`;
  const volume: Volume = { name, created: timestampSeconds(binding.now()), labels, anonymous };
  return onHost(`unable to make the volume ${name}`, () => {
    makeVolumesDirectory(store);
    binding.removeTree(unfinished);
    binding.mkdir(unfinished, 0o755);
    binding.mkdir(entryPath(unfinished, dataName), 0o755);
    binding.replaceText(entryPath(unfinished, recordName), `${JSON.stringify(volume, null, 2)}\n`, 0o644);
    const refusal = refusalOf(() => binding.rename(unfinished, directory));
    if (refusal === undefined) return true;
    binding.removeTree(unfinished);
    // Another command has made it meanwhile.
    if (refusal.errno !== errno.ENOTEMPTY && refusal.errno !== errno.EEXIST) throw refusal;
    return false;
  });
}

/** Other users of the machine cannot enter it: a program of a container may make set-uid files of root there. */
function makeVolumesDirectory(store: DirectStore): void {
  makeDirectories(store.binding, volumesPath(store), 0o700);
}

const lockTimeoutMs = 10_000;

function claimsPath(store: DirectStore): string {
  return `${store.directory}/claims/volumes`;
}

/** Calls `work` while this process holds the lock of the volumes. */
function lockedVolumes<T>(store: DirectStore, work: () => T): T {
  const { binding } = store;
  const path = volumesPath(store);
  onHost(`unable to make ${path}`, () => makeVolumesDirectory(store));
  return withLock(binding, path, { what: 'the volumes', timeoutMs: lockTimeoutMs }, work);
}

/**
 * Claims volumes, which need not exist yet, for a container that is being made and has no record. No command removes
 * them until the returned function is called.
 */
export function claimVolumes(store: DirectStore, names: readonly string[]): () => void {
  return lockedVolumes(store, () => makeClaim(store.binding, claimsPath(store), names.join('\n')));
}

/** Completes the creations and removals of volumes that killed commands have begun. */
export function sweepVolumes(store: DirectStore): void {
  const { binding } = store;
  for (const name of unlessMissing(() => binding.readdir(volumesPath(store))) ?? []) {
    const pid = /^\.(?:new|old)-(\d+)-/.exec(name)?.[1];
    if (pid === undefined || binding.processExists(Number(pid))) continue;
    onHost(`unable to remove the unfinished volume ${name}`, () =>
      binding.removeTree(`${volumesPath(store)}/${name}`),
    );
  }
}

/** Returns undefined if there is no such volume. A volume whose record is missing or damaged has no labels. */
export function readVolume(store: DirectStore, name: string): Volume | undefined {
  const { binding } = store;
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) return undefined;
  if (!isDirectory(binding, volumeData(store, name), true)) return undefined;
  let text: string | undefined;
  // The path may be another kind of file.
  refusalOf(() => {
    text = binding.readTextIfThere(`${volumePath(store, name)}/${recordName}`);
  });
  const { created, labels, anonymous } = membersOf(text);
  return {
    name,
    created: typeof created === 'string' ? created : '',
    labels: isMapOfTexts(labels) ? labels : {},
    anonymous: anonymous === true,
  };
}

function isMapOfTexts(value: unknown): value is Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every(member => typeof member === 'string');
}

function membersOf(text: string | undefined): { created?: unknown; labels?: unknown; anonymous?: unknown } {
  try {
    return text === undefined ? {} : (JSON.parse(text) ?? {});
  } catch {
    return {};
  }
}

/** @throws RuntimeError `direct.no-volume` */
export function findVolume(store: DirectStore, name: string): Volume {
  const volume = readVolume(store, name);
  if (volume !== undefined) return volume;
  throw new RuntimeError({
    code: 'direct.no-volume',
    message: `get ${name}: no such volume`,
    value: name,
    hint: 'tsubo volume ls shows the volumes',
  });
}

export function listVolumes(store: DirectStore): Volume[] {
  const entries = unlessMissing(() => store.binding.readdir(volumesPath(store))) ?? [];
  return entries.flatMap(name => readVolume(store, name) ?? []);
}

/** Returns the containers that mount the volume, including stopped ones. */
export function usersOf(containers: readonly DirectContainer[], name: string): DirectContainer[] {
  return containers.filter(({ mounts }) => mounts.some(mount => mount.name === name));
}

/**
 * Removes a volume and its content.
 *
 * @param except - a container that is being removed
 * @throws RuntimeError `direct.no-volume`, `direct.volume-in-use`
 */
export function removeVolume(store: DirectStore, name: string, except?: string): void {
  const { binding } = store;
  const removed = `${volumesPath(store)}/.old-${binding.pid()}-${name}`;
  lockedVolumes(store, () => {
    findVolume(store, name);
    const users = [
      ...usersOf(listContainers(store).containers, name)
        .map(({ id }) => id)
        .filter(id => id !== except),
      ...readClaims(binding, claimsPath(store))
        .filter(text => text.split('\n').includes(name))
        .map(() => 'a container that is being made'),
    ];
    if (users.length > 0) {
      throw new RuntimeError({
        code: 'direct.volume-in-use',
        message: `remove ${name}: volume is in use - [${users.join(', ')}]`,
        value: name,
        hint: 'remove these containers first: tsubo container rm',
      });
    }
    onHost(`unable to remove the volume ${name}`, () => {
      binding.removeTree(removed);
      // From here on the volume does not exist; a sweep completes a removal that is killed.
      unlessMissing(() => binding.rename(volumePath(store, name), removed));
    });
  });
  // Remove it without the lock, because the removal may take seconds.
  onHost(`unable to remove the volume ${name}`, () => binding.removeTree(removed));
}

/** Like removeVolume, but returns false for a volume that does not exist or is in use. */
export function removeUnusedVolume(store: DirectStore, name: string): boolean {
  try {
    removeVolume(store, name);
    return true;
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    if (error.code === 'direct.volume-in-use' || error.code === 'direct.no-volume') return false;
    throw error;
  }
}

/** The document of `volume inspect`, with Docker's members. */
export interface InspectedVolume {
  /** RFC 3339. */
  readonly CreatedAt: string;
  readonly Driver: 'local';
  readonly Labels: Readonly<Record<string, string>>;
  /** The directory on the host. */
  readonly Mountpoint: string;
  readonly Name: string;
  readonly Options: null;
  readonly Scope: 'local';
}

export function inspectedVolume(store: DirectStore, { name, created, labels }: Volume): InspectedVolume {
  return {
    CreatedAt: created,
    Driver: 'local',
    Labels: labels,
    Mountpoint: volumeData(store, name),
    Name: name,
    Options: null,
    Scope: 'local',
  };
}
