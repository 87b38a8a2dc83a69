// SPDX-License-Identifier: Apache-2.0

/** One write to a control file, derived from a resource of the config. */
export interface CgroupWrite {
  /** File name in the directory of the cgroup. */
  readonly file: string;
  readonly value: string;
  /** JSON pointer of the property that requires the write. */
  readonly origin: string;
  /** The controller of the file, spelled as in cgroup.controllers; `cgroup` for core files of every cgroup. */
  readonly controller: string;
  /**
   * The write is skipped if the file is missing: its value is the default (no limit), or another write has the same
   * purpose.
   */
  readonly optional?: true;
  /** The write to use if `file` is missing. */
  readonly otherwise?: { readonly file: string; readonly value: string };
}

/** The input of the functions for the controllers, in addition to the resources. */
export interface ResourceContext {
  /** Pointer of the resources in their document: `/linux/resources`, or `''` if they are the whole document. */
  readonly origin: string;
  /**
   * Returns the present content of a control file; undefined if it is missing, and always for a cgroup that does not
   * exist yet.
   */
  read(file: string): string | undefined;
  /** Reports a resource that cgroup version 2 does not support; the others still apply. */
  warn(pointer: string, message: string): void;
}

/** `read` of a ResourceContext for a new cgroup. */
export const readNothing = (): undefined => undefined;

/** Returns true for a missing value and for 0, which engines write for "unset". */
export function isUnset(value: number | bigint | undefined): value is undefined {
  return value === undefined || isNumber(value, 0);
}

/** Compares numbers and bigints alike. */
export function isNumber(value: number | bigint | undefined, number: number): boolean {
  return Number(value) === number;
}

/** `max` for -1. */
export function limitText(value: number | bigint): string {
  return isNumber(value, -1) ? 'max' : String(value);
}

/** Marks a write of the default value: if there is no limit to set, the file may be missing. */
export function optionalIf(condition: boolean): { readonly optional?: true } {
  return condition ? { optional: true } : {};
}
