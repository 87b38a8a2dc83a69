// SPDX-License-Identifier: Apache-2.0

/** One value of a control file: what a resource of the config comes to. */
export interface CgroupWrite {
  /** Name in the cgroup's directory. */
  readonly file: string;
  readonly value: string;
  /** JSON pointer of the property that asked for it. */
  readonly origin: string;
  /** Whose file it is, as cgroup.controllers spells it; `cgroup` for what every cgroup has. */
  readonly controller: string;
  /**
   * It asks for what holds without it too (no limit), or stands beside another that is enough: passed over where the file
   * is not there.
   */
  readonly optional?: true;
  /** What is written instead where `file` is not there. */
  readonly otherwise?: { readonly file: string; readonly value: string };
}

/** What the functions of the controllers are given beside the resources. */
export interface ResourceContext {
  /** Pointer of the resources in their document: `/linux/resources`, or `''` when they are the document. */
  readonly origin: string;
  /** What a control file of the cgroup says now, undefined when it is not there: in a cgroup that is still to be made, always. */
  read(file: string): string | undefined;
  /** Something asked for cannot be in this version of cgroups; the rest can. */
  warn(pointer: string, message: string): void;
}

/** For a cgroup that is new. */
export const readNothing = (): undefined => undefined;

/** True for a value that engines write as 0 or leave out where they want nothing. */
export function isUnset(value: number | bigint | undefined): value is undefined {
  return value === undefined || isNumber(value, 0);
}

/** True whichever way the number is held. */
export function isNumber(value: number | bigint | undefined, number: number): boolean {
  return Number(value) === number;
}

/** `max` for -1. */
export function limitText(value: number | bigint): string {
  return isNumber(value, -1) ? 'max' : String(value);
}

/** For limits whose lack is the default: with no limit the file may be missing. */
export function optionalIf(condition: boolean): { readonly optional?: true } {
  return condition ? { optional: true } : {};
}
