// SPDX-License-Identifier: Apache-2.0
import { S_IF } from '../kernel/files.ts';
import { MOUNT_ATTR, MS } from '../kernel/mount.ts';
import { CLONE } from '../kernel/namespaces.ts';

/**
 * Returns the names of the set bits, in the table's order: `MS_REC|MS_SLAVE`. Bits without a name become one
 * hexadecimal number; no bits at all are `0`.
 */
export function flagNames(value: number | bigint, table: Readonly<Record<string, number>>): string {
  let rest = BigInt(value);
  const names: string[] = [];
  for (const [name, bits] of Object.entries(table)) {
    const mask = BigInt(bits);
    if (mask !== 0n && (rest & mask) === mask) {
      names.push(name);
      rest &= ~mask;
    }
  }
  if (rest !== 0n) names.push(`0x${rest.toString(16)}`);
  return names.length === 0 ? '0' : names.join('|');
}

/** Returns the names of the set bits of a mask in which bit N means number N; `bit 63` if there is no name. */
export function bitNames(mask: number | bigint, numbers: Readonly<Record<string, number>>): string[] {
  const names: string[] = [];
  let rest = BigInt(mask);
  for (let bit = 0; rest !== 0n; bit++, rest >>= 1n) {
    if ((rest & 1n) === 0n) continue;
    names.push(Object.keys(numbers).find(name => numbers[name] === bit) ?? `bit ${bit}`);
  }
  return names;
}

/** `MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV`. */
export function attributeNames(attributes: number | bigint): string {
  return flagNames(attributes, MOUNT_ATTR);
}

/** `MS_REC|MS_SLAVE`. */
export function propagationNames(flags: number | bigint): string {
  return flagNames(flags, MS);
}

/** `CLONE_NEWNET|CLONE_NEWNS`. */
export function cloneFlagNames(flags: number | bigint): string {
  return flagNames(flags, CLONE);
}

const permissionBits = 0o7777;

/** `0755`; with a file type `S_IFCHR|0666`. */
export function modeText(mode: number | bigint): string {
  const number = Number(mode);
  const permissions = `0${(number & permissionBits).toString(8).padStart(3, '0')}`;
  const type = number & ~permissionBits;
  return type === 0 ? permissions : `${typeName(type)}|${permissions}`;
}

/** File types are numbers and not flags: S_IFBLK has the bits of S_IFCHR. */
function typeName(type: number): string {
  return Object.entries(S_IF).find(([, value]) => value === type)?.[0] ?? `0x${type.toString(16)}`;
}
