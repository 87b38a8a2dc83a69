// SPDX-License-Identifier: Apache-2.0
import type { HostFacts } from '../host/facts.ts';
import { MOUNT_ATTR, MS } from './kernel-flags.ts';
import { superBlockOptions } from './mount-option-table.ts';
import type { MountWords } from './mount-options.ts';

/** MS_* words that are attributes of a mount, one bit each. The access time settings are apart: they exclude each other. */
const attributeOf: readonly { readonly flag: number; readonly attribute: number }[] = [
  { flag: MS.MS_RDONLY, attribute: MOUNT_ATTR.MOUNT_ATTR_RDONLY },
  { flag: MS.MS_NOSUID, attribute: MOUNT_ATTR.MOUNT_ATTR_NOSUID },
  { flag: MS.MS_NODEV, attribute: MOUNT_ATTR.MOUNT_ATTR_NODEV },
  { flag: MS.MS_NOEXEC, attribute: MOUNT_ATTR.MOUNT_ATTR_NOEXEC },
  { flag: MS.MS_NOSYMFOLLOW, attribute: MOUNT_ATTR.MOUNT_ATTR_NOSYMFOLLOW },
  { flag: MS.MS_NODIRATIME, attribute: MOUNT_ATTR.MOUNT_ATTR_NODIRATIME },
];

/** Any of these replaces all of them, as with mount(2). */
const accessTimes = MS.MS_NOATIME | MS.MS_NODIRATIME | MS.MS_RELATIME | MS.MS_STRICTATIME;

function attributes(flags: number): number {
  let out = 0;
  for (const { flag, attribute } of attributeOf) {
    if ((flags & flag) !== 0) out |= attribute;
  }
  return out;
}

/** As mount(2) ranks the words when there are several: strictatime, noatime, relatime (which is zero). */
function accessTime(flags: number): number {
  if ((flags & MS.MS_STRICTATIME) !== 0) return MOUNT_ATTR.MOUNT_ATTR_STRICTATIME;
  return (flags & MS.MS_NOATIME) !== 0 ? MOUNT_ATTR.MOUNT_ATTR_NOATIME : 0;
}

/** MOUNT_ATTR_* of a new mount: what no word names is off, and the access time is the kernel's default, relatime. */
export function newMountAttributes(flags: number): number {
  return attributes(flags) | accessTime(flags);
}

/**
 * Words that mount(2) set on the super block as options of fsconfig(2), so that the mount table has them in both
 * places. MS_I_VERSION and MS_SILENT have no such option, and nothing that can be seen from a container.
 */
export function superBlockWords(flags: number): string[] {
  const words: string[] = [];
  for (const { flag, option } of superBlockOptions) {
    if ((flags & flag) !== 0) words.push(option);
  }
  return words;
}

/** What a bind changes on the mount it clones. */
export interface AttributeChange {
  readonly set: number;
  readonly clear: number;
  /** Part of `clear`: must go, or the step fails. */
  readonly insist: number;
}

/**
 * A bind without any word keeps the source's attributes. With one, those that are not named are cleared as well (as
 * runc does and mount(8) means to), but not insisted on: some may be locked. Access times change only by name.
 */
export function bindAttributes(words: MountWords, kernel: HostFacts['kernel']): AttributeChange {
  const named = (words.set & ~(MS.MS_BIND | MS.MS_REC)) | words.cleared;
  if (named === 0) return { set: 0, clear: 0, insist: 0 };

  let set = attributes(words.set);
  const off = attributes(words.cleared);
  let clear = off | (clearable(kernel) & ~set);
  // A locked nodiratime stays, as an access time does that is only denied: so it is with mount(2).
  let insist = off & ~MOUNT_ATTR.MOUNT_ATTR_NODIRATIME;
  if ((words.set & accessTimes) !== 0) {
    set |= accessTime(words.set);
    // The kernel takes the mask whole or not at all. A locked access time other than the one asked for is a failure.
    clear |= MOUNT_ATTR.MOUNT_ATTR__ATIME;
    insist |= MOUNT_ATTR.MOUNT_ATTR__ATIME;
    clear |= MOUNT_ATTR.MOUNT_ATTR_NODIRATIME & ~set;
  }
  return { set, clear, insist };
}

/** Linux before 5.14 does not know MOUNT_ATTR_NOSYMFOLLOW and would refuse to clear it. */
function clearable(kernel: HostFacts['kernel']): number {
  const always =
    MOUNT_ATTR.MOUNT_ATTR_RDONLY |
    MOUNT_ATTR.MOUNT_ATTR_NOSUID |
    MOUNT_ATTR.MOUNT_ATTR_NODEV |
    MOUNT_ATTR.MOUNT_ATTR_NOEXEC;
  const knows = kernel.major > 5 || (kernel.major === 5 && kernel.minor >= 14);
  return knows ? always | MOUNT_ATTR.MOUNT_ATTR_NOSYMFOLLOW : always;
}
