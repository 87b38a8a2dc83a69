// SPDX-License-Identifier: Apache-2.0

/** Paths as text: nothing here looks at a file system, so `..` is taken literally and never through a symbolic link. */

/** Without empty and `.` components, `..` resolved: `/a//b/../c/` is `/a/c`, the empty path is `.`. */
export function cleanPath(path: string): string {
  const absolute = path.startsWith('/');
  // Almost every path is clean, which is seen without taking it apart.
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

/** `path` below `directory`; an absolute `path` counts from `directory` too. */
export function joinPath(directory: string, path: string): string {
  const below = path.startsWith('/') ? path : `/${path}`;
  return cleanPath(directory === '/' ? below : directory + below);
}

/** The entry `name` of a directory whose path is absolute and clean. */
export function entryPath(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`;
}

/** `path` as it is when absolute, else seen from `directory`. */
export function resolvePath(directory: () => string, path: string): string {
  return path.startsWith('/') ? cleanPath(path) : joinPath(directory(), path);
}

/** The directory that holds the last component. */
export function parentPath(path: string): string {
  const clean = cleanPath(path);
  const slash = clean.lastIndexOf('/');
  if (slash < 0) return '.';
  return slash === 0 ? '/' : clean.slice(0, slash);
}

/** The last component. */
export function lastComponent(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** True when `path` is strictly below `directory`; both must be clean and absolute. */
export function isBelow(path: string, directory: string): boolean {
  return path !== directory && path.startsWith(directory === '/' ? '/' : `${directory}/`);
}
