// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { MS } from '../kernel/mount.ts';
import type { Mount } from '../oci/config.ts';
import { plainOptions, propagationOptions, recursiveOptions } from './mount-option-table.ts';

/** The option words of one mount by kind; `origin` is the pointer of the word. */
export interface MountWords {
  readonly bind: boolean;
  /** `rbind`. */
  readonly tree: boolean;
  /** MS_* flags that the plain words set, and those that they clear. A later word overrides an earlier one. */
  readonly set: number;
  readonly cleared: number;
  readonly propagation: readonly { readonly flags: number; readonly origin: string }[];
  readonly recursive: readonly RecursiveWord[];
  /** `idmap` or `ridmap`, the later one. */
  readonly idmap?: { readonly recursive: boolean; readonly origin: string };
  readonly copyUp: boolean;
  /** Options for the file system itself; `position` is the index in the options of the mount. */
  readonly filesystem: readonly { readonly word: string; readonly position: number }[];
}

export interface RecursiveWord {
  /** MOUNT_ATTR_*. */
  readonly set: number;
  readonly clear: number;
  readonly origin: string;
}

/** Maps, because an option could be named `constructor`. */
const plainWords = new Map(Object.entries(plainOptions));
const propagationWords = new Map<string, number>(Object.entries(propagationOptions));
const recursiveWords = new Map(Object.entries(recursiveOptions));

/**
 * Sorts the options of the config mount with this index.
 *
 * @throws RuntimeError `config.unsupported` for `remount`
 * @throws RuntimeError `config.mount.bind-options` for a word that a bind does not support
 */
export function readMountWords(mount: Mount, index: number): MountWords {
  let set = 0;
  let cleared = 0;
  let copyUp = false;
  let idmap: MountWords['idmap'];
  const propagation: MountWords['propagation'][number][] = [];
  const recursive: RecursiveWord[] = [];
  const filesystem: MountWords['filesystem'][number][] = [];

  const { options = [] } = mount;
  // Hot loop over every word of every mount: an index, because an iterator allocates an array for each entry.
  for (let position = 0; position < options.length; position++) {
    const word = options[position] as string;
    if (word === 'remount') {
      throw unsupported(
        word,
        `/mounts/${index}/options/${position}`,
        'the mount option remount is not supported: every mount of the config is a new one',
        'give these options to the mount that they must change',
      );
    }
    const plain = plainWords.get(word);
    if (plain !== undefined) {
      if (plain.clears) {
        set &= ~plain.flags;
        cleared |= plain.flags;
      } else {
        set |= plain.flags;
        cleared &= ~plain.flags;
      }
      continue;
    }
    const propagated = propagationWords.get(word);
    const below = recursiveWords.get(word);
    if (propagated !== undefined) {
      propagation.push({ flags: propagated, origin: `/mounts/${index}/options/${position}` });
    } else if (below !== undefined) {
      recursive.push({ ...below, origin: `/mounts/${index}/options/${position}` });
    } else if (word === 'tmpcopyup') {
      copyUp = true;
    } else if (word === 'idmap' || word === 'ridmap') {
      idmap = { recursive: word === 'ridmap', origin: `/mounts/${index}/options/${position}` };
    } else if (word !== '') {
      filesystem.push({ word, position });
    }
  }

  const bind = (set & MS.MS_BIND) !== 0;
  const foreign = filesystem[0];
  if (bind && foreign !== undefined) {
    throw new RuntimeError({
      code: 'config.mount.bind-options',
      pointer: `/mounts/${index}/options/${foreign.position}`,
      value: foreign.word,
      spec: 'config.md#linux-mount-options',
      message: `bind mounts cannot have any filesystem-specific options applied: ${JSON.stringify(foreign.word)} on ${mount.destination}`,
      hint: 'check the spelling: a bind mount accepts only general mount options and does not change those of the file system',
    });
  }
  const tree = (set & MS.MS_REC) !== 0;
  const words = { bind, tree, set, cleared, propagation, recursive, copyUp, filesystem };
  return idmap === undefined ? words : { ...words, idmap };
}

function unsupported(value: string, origin: string, message: string, hint?: string): RuntimeError {
  return new RuntimeError({ code: 'config.unsupported', pointer: origin, value, message, hint });
}

/** Equals `bind` of readMountWords, without reading all words. */
export function isBind({ options = [] }: Pick<Mount, 'options'>): boolean {
  return options.includes('bind') || options.includes('rbind');
}

/** Returns true for the only mounts that readMountWords may refuse. */
export function mayBeRefused(mount: Pick<Mount, 'options'>): boolean {
  return isBind(mount) || (mount.options?.includes('remount') ?? false);
}

/**
 * Splits one option entry like the kernel splits the text of mount(2): at commas, except those that overlay escapes
 * with a backslash, and those in the node list of tmpfs's `mpol=bind:0,2`.
 */
export function splitFilesystemWord(fstype: string, word: string): string[] {
  // Fast path: most words have no comma.
  if (!word.includes(',')) return [word];
  const comma = fstype === 'tmpfs' ? /(?<!\\),(?!\d)/ : /(?<!\\),/;
  return word.split(comma).filter(part => part !== '');
}
