// SPDX-License-Identifier: Apache-2.0

import { errno } from '../errors/errno.ts';
import { isSystemError } from '../errors/system.ts';
import type { Binding, FileStatus } from '../host/binding.d.ts';
import { entryPath, parentPath } from '../host/paths.ts';
import { S_IF, S_IFMT } from '../kernel/files.ts';

/** A file of the container, predicted before the container exists. */
export type Entry =
  /** A file of the host that is in the root or in a bind mount. */
  | {
      readonly kind: 'host';
      readonly path: string;
      readonly status: FileStatus;
      /** Set for a non-recursive bind mount, which does not contain the host's mounts below it. */
      readonly device?: number;
    }
  /** Created by `create`: an empty directory, the root of a new tmpfs, or an empty file. */
  | { readonly kind: 'made'; readonly directory: boolean }
  | { readonly kind: 'missing' }
  /** In a file system that exists only in the container, or inaccessible to this user. */
  | { readonly kind: 'unknown' };

/** The target of a path in the container, or the error number of the lookup. */
export type Resolved =
  /** `place` is the path without symbolic links. */
  { readonly place: string; readonly entry: Entry } | { readonly errno: number };

export interface ResolveOptions {
  /** False: a symbolic link at the end is not followed. Default true. */
  readonly followLast?: boolean;
  /** Fails with ELOOP for every symbolic link, like RESOLVE_NO_SYMLINKS. Default false. */
  readonly noLinks?: boolean;
}

/** The kernel's limit of symbolic links in one lookup. */
const mostLinks = 40;
const longestName = 255;
/** PATH_MAX without the NUL. */
const longestPath = 4095;

/**
 * The files of a container before it exists: those of its root directory, covered by the mounts so far. It only reads
 * the host.
 */
export class RootView {
  private readonly binding: Binding;
  /** Mounts and files that `create` makes, by path. */
  private readonly own = new Map<string, Entry>();
  /** For each directory, the names in it that are such a path or lead to one. */
  private readonly inside = new Map<string, Set<string>>();

  /** @param root - the directory on the host; undefined if it is unknown */
  constructor(binding: Binding, root: string | undefined) {
    this.binding = binding;
    this.own.set('/', root === undefined ? { kind: 'unknown' } : this.hostEntry(root, false));
  }

  /** Returns the file at a path of the host. Symbolic links are followed unless `noFollow` is set. */
  hostEntry(path: string, noFollow: boolean): Entry {
    try {
      const status = this.binding.stat(path, noFollow);
      return status === undefined ? { kind: 'missing' } : { kind: 'host', path, status };
    } catch (error) {
      if (isSystemError(error)) return { kind: 'unknown' };
      throw error;
    }
  }

  /** Adds a mount, which covers everything at and below `place`. */
  mount(place: string, entry: Entry): void {
    this.forgetInside(place);
    this.make(parentPath(place), true);
    this.put(place, entry);
  }

  private put(place: string, entry: Entry): void {
    this.own.set(place, entry);
    for (let at = place; at !== '/'; at = parentPath(at)) {
      const parent = parentPath(at);
      const siblings = this.inside.get(parent);
      if (siblings?.has(at)) return;
      if (siblings === undefined) this.inside.set(parent, new Set([at]));
      else siblings.add(at);
    }
  }

  private forgetInside(place: string): void {
    const left = [place];
    for (let at = left.pop(); at !== undefined; at = left.pop()) {
      for (const child of this.inside.get(at) ?? []) {
        this.own.delete(child);
        left.push(child);
      }
      this.inside.delete(at);
    }
  }

  /** Adds the missing file at `place` and its missing parents. */
  make(place: string, directory: boolean): void {
    for (let at = place, isDirectory = directory; ; at = parentPath(at), isDirectory = true) {
      if (this.own.has(at) || this.lookUp(at).kind !== 'missing') return;
      this.put(at, { kind: 'made', directory: isDirectory });
    }
  }

  /** Resolves a path of the container from its root. */
  resolve(path: string, { followLast = true, noLinks = false }: ResolveOptions = {}): Resolved {
    if (path.length > longestPath) return { errno: errno.ENAMETOOLONG };
    const rest = path.split('/').reverse();
    let place = '/';
    let entry = this.lookUp(place);
    let links = 0;
    while (rest.length > 0) {
      const name = rest.pop() as string;
      if (name === '' || name === '.') continue;
      if (entry.kind === 'unknown') return { place, entry };
      if (isFile(entry)) return { errno: errno.ENOTDIR };
      if (name.length > longestName) return { errno: errno.ENAMETOOLONG };
      if (name === '..') {
        place = parentPath(place);
        entry = this.lookUp(place);
        continue;
      }
      const next = entryPath(place, name);
      const found = this.own.get(next) ?? this.child(entry, name);
      if (found.kind === 'host' && isLink(found) && (followLast || rest.some(part => part !== ''))) {
        links += 1;
        if (noLinks || links > mostLinks) return { errno: errno.ELOOP };
        const target = this.binding.readlink(found.path);
        rest.push(...target.split('/').reverse());
        if (target.startsWith('/')) {
          place = '/';
          entry = this.lookUp(place);
        }
        continue;
      }
      place = next;
      entry = found;
    }
    return { place, entry };
  }

  /** Returns the entry at a path without symbolic links. */
  private lookUp(place: string): Entry {
    const own = this.own.get(place);
    if (own !== undefined) return own;
    return this.child(this.lookUp(parentPath(place)), place.slice(place.lastIndexOf('/') + 1));
  }

  private child(parent: Entry, name: string): Entry {
    if (parent.kind !== 'host') return parent.kind === 'unknown' ? parent : { kind: 'missing' };
    const entry = this.hostEntry(entryPath(parent.path, name), true);
    const { device } = parent;
    if (entry.kind !== 'host' || device === undefined) return entry;
    return entry.status.dev === device ? { ...entry, device } : { kind: 'unknown' };
  }
}

/** Returns true if the entry is certainly not a directory. */
export function isFile(entry: Entry): boolean {
  if (entry.kind === 'made') return !entry.directory;
  return entry.kind === 'host' && typeOf(entry) !== S_IF.S_IFDIR && !isLink(entry);
}

/** Returns true if the entry is certainly a directory. */
export function isDirectory(entry: Entry): boolean {
  return entry.kind === 'made' ? entry.directory : entry.kind === 'host' && typeOf(entry) === S_IF.S_IFDIR;
}

export function typeOf({ status }: Extract<Entry, { kind: 'host' }>): number {
  return status.mode & S_IFMT;
}

function isLink(entry: Extract<Entry, { kind: 'host' }>): boolean {
  return typeOf(entry) === S_IF.S_IFLNK;
}
