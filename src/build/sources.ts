// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { isSystemError, onHost } from '../errors/system.ts';
import type { Binding, FileStatus } from '../host/binding.d.ts';
import { joinPath, lastComponent, parentPath } from '../host/paths.ts';
import { digestOfHex, digestOfText } from '../image/digest.ts';
import { O, S_IF, S_IFMT } from '../kernel/files.ts';
import { globOf, type IgnoreRules } from './ignore.ts';

/** A directory from which COPY takes files: the context, or the files of a stage or an image. */
export interface SourceRoot {
  readonly binding: Binding;
  /** Descriptor. Links are resolved inside this directory. */
  readonly root: number;
  /** Undefined if nothing is ignored. */
  readonly rules: IgnoreRules | undefined;
  /** The copies keep their owners, which then belong to the digest. */
  readonly keepsOwners: boolean;
}

/** A file or directory that a source of COPY names. */
export interface FoundSource {
  /** Absolute, below the root. Links in it were followed. */
  readonly path: string;
  /** The last component as it was written. */
  readonly name: string;
  readonly isDirectory: boolean;
  /** Digest of names, modes and contents. */
  readonly digest: string;
  /** Paths below it that are ignored, sorted. */
  readonly without: readonly string[];
}

/** The most links of a path that are followed, the limit of the kernel. */
const mostLinks = 40;

/**
 * Returns the files that match a source: several for a pattern, none if no file exists.
 *
 * @param written - relative to the root, may be a pattern
 */
export function findSources(source: SourceRoot, written: string): FoundSource[] {
  const path = joinPath('/', written);
  const paths = /[*?[\\]/.test(path) ? matching(source, path) : [path];
  return paths.flatMap(one => foundAt(source, one));
}

function matching(source: SourceRoot, pattern: string): string[] {
  let found = ['/'];
  for (const part of pattern.split('/').filter(word => word !== '')) {
    const isPattern = /[*?[\\]/.test(part);
    const glob = globOf(part);
    found = found.flatMap(directory => {
      if (!isPattern) return [joinPath(directory, part)];
      const names = namesIn(source, directory);
      return names.filter(name => glob.matches(name)).map(name => joinPath(directory, name));
    });
  }
  return found;
}

function namesIn({ binding, root }: SourceRoot, directory: string): string[] {
  let fd: number;
  try {
    fd = binding.openInRoot(root, directory, O.O_PATH, 0);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
  try {
    return binding.readdir(`/proc/self/fd/${fd}`);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  } finally {
    binding.close(fd);
  }
}

function isAbsent(error: unknown): boolean {
  const absent: readonly number[] = [errno.ENOENT, errno.ENOTDIR, errno.ELOOP];
  return isSystemError(error) && absent.includes(error.errno);
}

function foundAt(source: SourceRoot, path: string): FoundSource[] {
  const name = lastComponent(path);
  if (source.rules?.ignores(path.slice(1)) === true && !source.rules.hasExceptions) return [];
  const followed = withoutLinks(source, path, 0);
  if (followed === undefined) return [];
  const status = statusOf(source, followed);
  if (status === undefined) return [];
  const lines: string[] = [];
  const without: string[] = [];
  const isDirectory = kindOf(status) === S_IF.S_IFDIR;
  const isKept = walk(source, followed, '', status, lines, without);
  if (!isKept && followed !== '/') return [];
  return [
    { path: followed, name, isDirectory, digest: digestOfText(lines.join('\n')), without: without.sort() },
  ];
}

/** Resolves the links of a path. A link that is itself a source is followed; a link inside a directory is copied. */
function withoutLinks(source: SourceRoot, path: string, links: number): string | undefined {
  if (path === '/' || links > mostLinks) return path === '/' ? path : undefined;
  const parent = withoutLinks(source, parentPath(path), links);
  if (parent === undefined) return undefined;
  const here = joinPath(parent, lastComponent(path));
  const status = statusOf(source, here);
  if (status === undefined) return undefined;
  if (kindOf(status) !== S_IF.S_IFLNK) return here;
  const target = linkAt(source, here);
  return withoutLinks(
    source,
    target.startsWith('/') ? joinPath('/', target) : joinPath(parent, target),
    links + 1,
  );
}

/** Calls `work` with a path of the host for an entry, whose last component may be a link. */
function within<T>({ binding, root }: SourceRoot, path: string, work: (hostPath: string) => T): T {
  const fd = binding.openInRoot(root, parentPath(path), O.O_PATH, 0);
  try {
    return work(path === '/' ? `/proc/self/fd/${fd}/.` : `/proc/self/fd/${fd}/${lastComponent(path)}`);
  } finally {
    binding.close(fd);
  }
}

function statusOf(source: SourceRoot, path: string): FileStatus | undefined {
  try {
    return within(source, path, hostPath => source.binding.stat(hostPath, true));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

function linkAt(source: SourceRoot, path: string): string {
  return within(source, path, hostPath => source.binding.readlink(hostPath));
}

function kindOf({ mode }: FileStatus): number {
  return mode & S_IFMT;
}

/** Adds a line for each file. Returns false if the whole tree is ignored. */
function walk(
  source: SourceRoot,
  top: string,
  inner: string,
  status: FileStatus,
  lines: string[],
  without: string[],
): boolean {
  const { binding, rules, keepsOwners } = source;
  const path = joinPath(top, inner);
  const ignored = path !== '/' && rules?.ignores(path.slice(1)) === true;
  const kind = kindOf(status);
  if (ignored && (kind !== S_IF.S_IFDIR || rules?.hasExceptions !== true)) {
    without.push(path);
    return false;
  }
  const owner = keepsOwners ? ` ${status.uid}:${status.gid}` : '';
  const line = (content: string) => `${status.mode.toString(8)}${owner} ${JSON.stringify(inner)} ${content}`;
  if (kind === S_IF.S_IFLNK) {
    lines.push(line(JSON.stringify(linkAt(source, path))));
    return true;
  }
  if (kind !== S_IF.S_IFDIR) {
    lines.push(
      line(kind === S_IF.S_IFREG ? contentOf(source, path) : `${status.rdevMajor}:${status.rdevMinor}`),
    );
    return true;
  }
  const place = lines.length;
  const begin = without.length;
  lines.push(line('/'));
  let kept = !ignored;
  const fd = onHost(`unable to read ${path}`, () => binding.openInRoot(source.root, path, O.O_PATH, 0));
  try {
    const names = onHost(`unable to read ${path}`, () => binding.readdir(`/proc/self/fd/${fd}`));
    for (const name of names) {
      const entry = binding.stat(`/proc/self/fd/${fd}/${name}`, true);
      if (entry !== undefined && walk(source, top, joinPath(`/${inner}`, name), entry, lines, without))
        kept = true;
    }
  } finally {
    binding.close(fd);
  }
  if (kept) return true;
  // One entry for the whole directory.
  lines.length = place;
  without.length = begin;
  without.push(path);
  return false;
}

function contentOf({ binding, root }: SourceRoot, path: string): string {
  return onHost(`unable to read ${path}`, () => {
    const fd = binding.openInRoot(root, path, O.O_RDONLY | O.O_NONBLOCK, 0);
    try {
      return digestOfHex(binding.digest(fd).digest);
    } finally {
      binding.close(fd);
    }
  });
}
