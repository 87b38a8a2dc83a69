// SPDX-License-Identifier: Apache-2.0

/**
 * Path functions on text only. They do not access the file system, therefore `..` removes the component before it even
 * if that is a symbolic link.
 */

/** Removes empty and `.` components and resolves `..`: `/a//b/../c/` becomes `/a/c`, the empty path becomes `.`. */
export function cleanPath(path: string): string {
  const absolute = path.startsWith('/');
  // Fast path: most paths are clean already.
  if (absolute && !path.includes('//') && !path.includes('/.') && (path === '/' || !path.endsWith('/'))) {
    return path;
  }
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (parts.length > 0 && parts.at(-1) !== '..') parts.pop();
      else if (!absolute) parts.push(part);
    } else {
      parts.push(part);
    }
  }
  const joined = parts.join('/');
  if (absolute) return `/${joined}`;
  return joined === '' ? '.' : joined;
}

/** Returns `path` below `directory`; an absolute `path` is relative to `directory` too. */
export function joinPath(directory: string, path: string): string {
  const below = path.startsWith('/') ? path : `/${path}`;
  return cleanPath(directory === '/' ? below : directory + below);
}

/** Returns the entry `name` of a directory; the directory's path must be absolute and clean. */
export function entryPath(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`;
}

/** Returns an absolute path unchanged (cleaned), and a relative one below `directory`. */
export function resolvePath(directory: () => string, path: string): string {
  return path.startsWith('/') ? cleanPath(path) : joinPath(directory(), path);
}

/** Returns the path without its last component. */
export function parentPath(path: string): string {
  const clean = cleanPath(path);
  const slash = clean.lastIndexOf('/');
  if (slash < 0) return '.';
  return slash === 0 ? '/' : clean.slice(0, slash);
}

/** Returns the last component. */
export function lastComponent(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Returns true if `path` is strictly below `directory`; both must be clean and absolute. */
export function isBelow(path: string, directory: string): boolean {
  return path !== directory && path.startsWith(directory === '/' ? '/' : `${directory}/`);
}
