// SPDX-License-Identifier: Apache-2.0
import type { HostFacts } from '../host/facts.ts';
import { MOUNT_ATTR, MS } from '../kernel/mount.ts';
import { superBlockOptions } from './mount-option-table.ts';
import type { MountWords } from './mount-options.ts';

/**
 * MS_* words that are mount attributes, one bit each. The access time settings are separate, because they exclude each
 * other.
 */
const attributeOf: readonly { readonly flag: number; readonly attribute: number }[] = [
  { flag: MS.MS_RDONLY, attribute: MOUNT_ATTR.MOUNT_ATTR_RDONLY },
  { flag: MS.MS_NOSUID, attribute: MOUNT_ATTR.MOUNT_ATTR_NOSUID },
  { flag: MS.MS_NODEV, attribute: MOUNT_ATTR.MOUNT_ATTR_NODEV },
  { flag: MS.MS_NOEXEC, attribute: MOUNT_ATTR.MOUNT_ATTR_NOEXEC },
  { flag: MS.MS_NOSYMFOLLOW, attribute: MOUNT_ATTR.MOUNT_ATTR_NOSYMFOLLOW },
  { flag: MS.MS_NODIRATIME, attribute: MOUNT_ATTR.MOUNT_ATTR_NODIRATIME },
];

/** Any of these replaces all of them, like in mount(2). */
const accessTimes = MS.MS_NOATIME | MS.MS_NODIRATIME | MS.MS_RELATIME | MS.MS_STRICTATIME;

function attributes(flags: number): number {
  let out = 0;
  for (const { flag, attribute } of attributeOf) {
    if ((flags & flag) !== 0) out |= attribute;
  }
  return out;
}

/** Precedence of mount(2) if there are several: strictatime, noatime, relatime (which is zero). */
function accessTime(flags: number): number {
  if ((flags & MS.MS_STRICTATIME) !== 0) return MOUNT_ATTR.MOUNT_ATTR_STRICTATIME;
  return (flags & MS.MS_NOATIME) !== 0 ? MOUNT_ATTR.MOUNT_ATTR_NOATIME : 0;
}

/**
 * MOUNT_ATTR_* of a new mount: attributes without a word are off, and the access time is the kernel's default,
 * relatime.
 */
export function newMountAttributes(flags: number): number {
  return attributes(flags) | accessTime(flags);
}

/**
 * Words that mount(2) applied to the super block, as options of fsconfig(2): the mount table then has them in both
 * places. MS_I_VERSION and MS_SILENT have no such option, and a container cannot see them.
 */
export function superBlockWords(flags: number): string[] {
  const words: string[] = [];
  for (const { flag, option } of superBlockOptions) {
    if ((flags & flag) !== 0) words.push(option);
  }
  return words;
}

/** Attributes that a bind changes on the cloned mount. */
export interface AttributeChange {
  readonly set: number;
  readonly clear: number;
  /** Subset of `clear` that must be cleared, or the step fails. */
  readonly insist: number;
}

/**
 * A bind without words keeps the source's attributes. With words, all other attributes are cleared (like in runc, and
 * as mount(8) intends), but a locked one may stay. Access times change only if a word names them.
 */
export function bindAttributes(words: MountWords, kernel: HostFacts['kernel']): AttributeChange {
  const named = (words.set & ~(MS.MS_BIND | MS.MS_REC)) | words.cleared;
  if (named === 0) return { set: 0, clear: 0, insist: 0 };

  let set = attributes(words.set);
  const off = attributes(words.cleared);
  let clear = off | (clearable(kernel) & ~set);
  // A locked nodiratime may stay, and so may an access time that is only denied, like in mount(2).
  let insist = off & ~MOUNT_ATTR.MOUNT_ATTR_NODIRATIME;
  if ((words.set & accessTimes) !== 0) {
    set |= accessTime(words.set);
    // The kernel accepts the mask only as a whole. A locked access time that differs from the requested one is a
    // failure.
    clear |= MOUNT_ATTR.MOUNT_ATTR__ATIME;
    insist |= MOUNT_ATTR.MOUNT_ATTR__ATIME;
    clear |= MOUNT_ATTR.MOUNT_ATTR_NODIRATIME & ~set;
  }
  return { set, clear, insist };
}

/** Linux before 5.14 lacks MOUNT_ATTR_NOSYMFOLLOW and would refuse to clear it. */
function clearable(kernel: HostFacts['kernel']): number {
  const always =
    MOUNT_ATTR.MOUNT_ATTR_RDONLY |
    MOUNT_ATTR.MOUNT_ATTR_NOSUID |
    MOUNT_ATTR.MOUNT_ATTR_NODEV |
    MOUNT_ATTR.MOUNT_ATTR_NOEXEC;
  const hasNosymfollow = kernel.major > 5 || (kernel.major === 5 && kernel.minor >= 14);
  return hasNosymfollow ? always | MOUNT_ATTR.MOUNT_ATTR_NOSYMFOLLOW : always;
}
