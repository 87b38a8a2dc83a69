// SPDX-License-Identifier: Apache-2.0

import { errno } from '../errors/errno.ts';
import type { Binding } from '../host/binding.d.ts';
import { joinPath } from '../host/paths.ts';
import { S_IF } from '../kernel/files.ts';
import { type Entry, isDirectory, type RootView, typeOf } from './root-view.ts';

type HostEntry = Extract<Entry, { kind: 'host' }>;

/** The result of a program search. */
export type ProgramSearch =
  | { readonly how: 'found'; readonly path: string; readonly file: HostEntry }
  /** The error that the init would report. */
  | { readonly how: 'refused'; readonly errno: number; readonly syscall: string }
  /** The path contains a directory that exists only in the container. */
  | { readonly how: 'unknown' };

export const anyExecuteBit = 0o111;

/**
 * Searches like the init (findProgram): a name with a slash is a path, another is searched in each directory of
 * `search`.
 */
export function searchProgram(
  view: RootView,
  name: string,
  search: readonly string[],
  cwd: string,
): ProgramSearch {
  if (name.includes('/')) return look(view, inDirectory(cwd, name));
  let unknown = false;
  for (const directory of search) {
    const found = look(view, inDirectory(cwd, `${directory}/${name}`));
    if (found.how === 'found') return unknown ? { how: 'unknown' } : found;
    unknown ||= found.how === 'unknown';
  }
  return unknown ? { how: 'unknown' } : { how: 'refused', errno: errno.ENOENT, syscall: 'stat' };
}

/** Keeps `..` for the resolver, which follows the symbolic links before it. */
function inDirectory(directory: string, path: string): string {
  return path.startsWith('/') ? path : `${directory}/${path}`;
}

function look(view: RootView, path: string): ProgramSearch {
  const found = view.resolve(path);
  if ('errno' in found) return { how: 'refused', errno: found.errno, syscall: 'stat' };
  const { entry } = found;
  if (entry.kind === 'unknown') return { how: 'unknown' };
  if (entry.kind === 'missing') return { how: 'refused', errno: errno.ENOENT, syscall: 'stat' };
  if (isDirectory(entry)) return { how: 'refused', errno: errno.EISDIR, syscall: 'stat' };
  // create makes an empty file without execute permission.
  if (entry.kind === 'made' || (entry.status.mode & anyExecuteBit) === 0) {
    return { how: 'refused', errno: errno.EACCES, syscall: 'faccessat2' };
  }
  return { how: 'found', path, file: entry };
}

/** Returns the error number with which execve(2) would reject the program; undefined if no error is expected. */
export function executeError(
  binding: Binding,
  view: RootView,
  file: HostEntry,
  cwd: string,
): number | undefined {
  if (typeOf(file) !== S_IF.S_IFREG) return errno.EACCES;
  const start = binding.readStart(file.path, 4096);
  if (start.length === 0) return errno.ENOEXEC;
  const interpreter = scriptInterpreter(start) ?? elfInterpreter(start);
  if (interpreter === undefined) return isPlainText(start) ? errno.ENOEXEC : undefined;
  const found = look(
    view,
    joinPath(cwd, interpreter.startsWith('/') ? interpreter : `${cwd}/${interpreter}`),
  );
  if (found.how !== 'refused') return undefined;
  return found.errno === errno.EISDIR ? errno.EACCES : found.errno;
}

/** The kernel reads this many bytes of the line. */
const scriptHead = 256;

/** Returns the interpreter after `#!`. */
function scriptInterpreter(start: Uint8Array): string | undefined {
  if (start[0] !== 0x23 || start[1] !== 0x21) return undefined;
  return /^#![ \t]*([^ \t\n\0]+)/.exec(ascii(start.subarray(0, scriptHead)))?.[1];
}

const elfHeader = { programHeaders: 32, entrySize: 54, entryCount: 56 } as const;
const programHeader = { offset: 8, size: 32 } as const;
const PT_INTERP = 3;

/** Returns PT_INTERP of a 64-bit ELF file; undefined for a static program and for other files. */
function elfInterpreter(start: Uint8Array): string | undefined {
  const isElf64 = ascii(start.subarray(0, 4)) === '\x7fELF' && start[4] === 2 && start[5] === 1;
  if (!isElf64 || start.length < 64) return undefined;
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const table = Number(view.getBigUint64(elfHeader.programHeaders, true));
  const entrySize = view.getUint16(elfHeader.entrySize, true);
  const count = view.getUint16(elfHeader.entryCount, true);
  for (let index = 0; index < count; index++) {
    const at = table + index * entrySize;
    if (at + 40 > start.length) return undefined;
    if (view.getUint32(at, true) !== PT_INTERP) continue;
    const offset = Number(view.getBigUint64(at + programHeader.offset, true));
    const size = Number(view.getBigUint64(at + programHeader.size, true));
    if (offset + size > start.length) return undefined;
    return ascii(start.subarray(offset, offset + size)).replace(/\0.*$/s, '');
  }
  return undefined;
}

/** Returns true for text, with which no program format begins; only a binfmt_misc handler could execute the file. */
function isPlainText(start: Uint8Array): boolean {
  return start.subarray(0, 64).every(byte => byte >= 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d);
}

function ascii(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
