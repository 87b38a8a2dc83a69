// SPDX-License-Identifier: Apache-2.0
import { errno, errnoText } from '../errors/errno.ts';
import type { ErrorFields } from '../errors/error.ts';
import { RuntimeError } from '../errors/error.ts';
import type { Report } from '../host/binding.d.ts';
import { MS } from '../kernel/mount.ts';
import type { Config, Mount } from '../oci/config.ts';
import { containerPath, type PlanContext, type PlanOptions } from './context.ts';
import { nestedHint } from './explain-mount.ts';
import type { Explanation, Facility, ItemPlace } from './facility.ts';
import { attributeNames, propagationNames } from './flag-names.ts';
import { contextOption } from './labels.ts';
import { newMountAttributes, superBlockWords } from './mount-attributes.ts';
import { isBind, readMountWords, splitFilesystemWord } from './mount-options.ts';

/** The kernel's limit of lower layers (OVL_MAX_STACK). */
const mostLayers = 500;
const spec = 'config.md#mounts';
const at = '/mounts/0';

/** An option of the overlay: a flag, `key=value`, or a layer with its path. */
interface UnionOption {
  readonly key: string;
  /** Absent for a flag. */
  readonly value?: string;
  readonly place: ItemPlace;
}

/** The root as a union of layers: the first entry of `mounts`, on `/`, of type overlay. */
export interface RootMount {
  readonly options: readonly UnionOption[];
  /** Lower layers, including those with data only. */
  readonly lowers: readonly UnionOption[];
  readonly upper: UnionOption | undefined;
  readonly work: UnionOption | undefined;
  /** Nothing is written back to the file system of the upper layer when the union is unmounted. */
  readonly volatile: boolean;
  /** MS_* flags of the plain words. */
  readonly flags: number;
  /** Pointer of the word `ro`. */
  readonly readOnly: string | undefined;
}

interface MaybeRoot {
  readonly destination?: string;
  readonly type?: string;
  readonly options?: readonly string[];
}

/** Returns true for an entry of `mounts` that is the root itself. */
export function isRootMount(mount: MaybeRoot | undefined, index: number): boolean {
  if (index !== 0 || mount?.type !== 'overlay' || mount.destination === undefined) return false;
  return containerPath(mount.destination) === '/' && !isBind(mount);
}

/** Returns the union that is the root of this config, if there is one. */
export function rootMount({ mounts }: Pick<Config, 'mounts'>): RootMount | undefined {
  const mount = mounts?.[0];
  if (mount === undefined || !isRootMount(mount, 0)) return undefined;
  return readRootMount(mount, fields => {
    throw new RuntimeError(fields);
  });
}

/** Keys of options whose value is the path of a layer. */
const layerKeys: readonly string[] = ['lowerdir+', 'datadir+', 'upperdir', 'workdir'];

export function isLayer({ key }: Pick<UnionOption, 'key'>): boolean {
  return layerKeys.includes(key);
}

/**
 * Reads the options of a union root.
 *
 * @param refuse - is called with each problem
 */
export function readRootMount(
  mount: Mount,
  refuse: (fields: ErrorFields & { readonly pointer: string }) => void,
): RootMount {
  const words = readMountWords(mount, 0);
  const problem = (pointer: string, message: string, more: Pick<ErrorFields, 'value' | 'hint'> = {}): void =>
    refuse({ code: 'config.mount.layers', pointer, message, spec, ...more });
  for (const { origin } of [
    ...words.propagation,
    ...words.recursive,
    ...(words.idmap ? [words.idmap] : []),
  ]) {
    problem(origin, 'the root mount does not support this option', {
      value: wordAt(mount, origin),
      hint: 'linux.rootfsPropagation sets the propagation of the root, and the option ro makes it read-only',
    });
  }
  const options: UnionOption[] = [];
  const pointer = (place: ItemPlace): string => `${at}/options/${place}`;
  for (const { word, position } of words.filesystem) {
    for (const option of splitFilesystemWord('overlay', word)) {
      for (const read of readOption(option, position)) {
        if (isLayer(read) && read.value === '') {
          problem(pointer(position), 'a layer of the root mount has an empty path', { value: option });
        }
        options.push(read);
      }
    }
  }
  const lowers = options.filter(({ key }) => key === 'lowerdir+' || key === 'datadir+');
  const upper = only('upperdir');
  const work = only('workdir');
  if (lowers.length === 0) {
    problem(at, 'the root mount has no lower layer', { hint: 'add the option lowerdir=DIR[:DIR...]' });
  }
  const surplus = lowers[mostLayers];
  if (surplus !== undefined) {
    problem(
      pointer(surplus.place),
      `the root mount has ${lowers.length} lower layers, and the kernel accepts at most ${mostLayers}`,
      { value: String(lowers.length), hint: 'merge some of the layers' },
    );
  }
  if (upper !== undefined && work === undefined) {
    problem(pointer(upper.place), 'the root mount has upperdir without workdir', {
      hint: 'add workdir=DIR: an empty directory on the file system of upperdir',
    });
  }
  return {
    options,
    lowers,
    upper,
    work,
    volatile: options.some(
      ({ key, value }) => key === 'volatile' || (key === 'fsync' && value === 'volatile'),
    ),
    flags: words.set,
    readOnly: (words.set & MS.MS_RDONLY) === 0 ? undefined : pointer(mount.options?.lastIndexOf('ro') ?? 0),
  };

  function only(key: string): UnionOption | undefined {
    const [first, second] = options.filter(option => option.key === key);
    if (second !== undefined)
      problem(pointer(second.place), `the option ${key} of the root mount occurs twice`);
    return first;
  }
}

function wordAt(mount: Mount, origin: string): string | undefined {
  return mount.options?.[Number(origin.slice(origin.lastIndexOf('/') + 1))];
}

/** `lowerdir=a:b::c` are the layers a and b and the layer c with data only; a backslash before `:` makes it part of a path. */
function readOption(option: string, place: number): UnionOption[] {
  const equals = option.indexOf('=');
  if (equals < 0) return [{ key: option, place }];
  const key = option.slice(0, equals);
  const value = option.slice(equals + 1);
  if (key !== 'lowerdir') return [{ key, value: isLayer({ key }) ? unescaped(value) : value, place }];
  const layers: UnionOption[] = [];
  let data = false;
  let path = '';
  const add = (): void => {
    layers.push({ key: data ? 'datadir+' : 'lowerdir+', value: path, place });
    path = '';
  };
  for (let i = 0; i < value.length; i++) {
    if (value[i] === '\\' && i + 1 < value.length) path += value[++i];
    else if (value[i] !== ':') path += value[i];
    else {
      add();
      if (value[i + 1] !== ':') continue;
      data = true;
      i += 1;
    }
  }
  add();
  return layers;
}

function unescaped(value: string): string {
  return value.replace(/\\(.)/gs, '$1');
}

/** Path of a layer on the host; a relative one counts from the bundle. The kernel resolves links and `..`. */
export function layerPath(
  { options: { bundle } }: { readonly options: Pick<PlanOptions, 'bundle'> },
  path: string,
): string {
  return path.startsWith('/') ? path : `${bundle}/${path}`;
}

/** Returns the unchanged paths of the layers with directories, the uppermost first. */
export function layersOf({ upper, lowers }: RootMount): string[] {
  return [...(upper === undefined ? [] : [upper]), ...lowers].flatMap(({ value }) => value ?? []);
}

/** A union in the form of steps. */
export interface Union {
  readonly source: string;
  /** `key` or `key=value`, layers with absolute paths. */
  readonly options: string[];
  readonly places: ItemPlace[];
  /** MOUNT_ATTR_*. */
  readonly attributes: number;
  /** The only layer: overlay needs two or an upper one, therefore it is bound, read-only. */
  readonly lower: string;
}

/** Returns the fields that the steps for a union share. */
export function unionOf(context: PlanContext, root: RootMount): Union {
  const { config } = context;
  const source = config.mounts?.[0]?.source || 'overlay';
  // The root becomes read-only at the end: mount points are still made in it.
  const flags = root.flags & ~MS.MS_RDONLY;
  const attributes = newMountAttributes(flags);
  const [lower, second] = root.lowers;
  if (lower !== undefined && second === undefined && root.upper === undefined) {
    for (const option of root.options) {
      if (option !== lower) warnUseless(context, option, 'the root is a single layer, which is bind mounted');
    }
    const path = layerPath(context, lower.value ?? '');
    return { source, options: [], places: [lower.place], attributes, lower: path };
  }
  const options: string[] = [];
  const places: ItemPlace[] = [];
  const add = (option: string, place: ItemPlace): void => {
    options.push(option);
    places.push(place);
  };
  for (const option of root.options) {
    const { key, value, place } = option;
    if (key === 'workdir' && root.upper === undefined) {
      warnUseless(context, option, 'without upperdir nothing can be written');
    } else if (value === undefined) add(key, place);
    else add(`${key}=${isLayer(option) ? layerPath(context, value) : value}`, place);
  }
  for (const option of contextOption(config.linux?.mountLabel, 'overlay', options)) {
    add(option, '/linux/mountLabel');
  }
  for (const word of superBlockWords(flags)) add(word, config.mounts?.[0]?.options?.lastIndexOf(word) ?? 0);
  return { source, options, places, attributes, lower: '' };
}

/** The upper layer of a root mount. No two containers may write into it at once. */
export interface UpperRequest {
  /** Absolute. */
  readonly path: string;
  readonly work: string;
  readonly volatile: boolean;
  /** Pointer of the option `upperdir`. */
  readonly origin: string;
}

/** Returns the directories that the root writes into. */
export function upperRequest(context: PlanContext): { readonly upper?: UpperRequest } {
  const root = rootMount(context.config);
  const { upper, work } = root ?? {};
  if (root === undefined || upper?.value === undefined || work?.value === undefined) return {};
  return {
    upper: {
      path: layerPath(context, upper.value),
      work: layerPath(context, work.value),
      volatile: root.volatile,
      origin: `${at}/options/${upper.place}`,
    },
  };
}

function warnUseless(context: PlanContext, { key, place }: UnionOption, why: string): void {
  context.warn(`${at}/options/${place}`, `${key} is ignored: ${why}`);
}

/** Returns the error for a root.path that cannot be opened. */
export function rootMessage(path: string, report: Report): string {
  if (report.errno === errno.ENOENT) return `invalid rootfs: stat ${path}: ${errnoText(report.errno)}`;
  if (report.errno === errno.ENOTDIR || report.errno === errno.ELOOP) {
    return `invalid rootfs: not an absolute path, or a symlink: ${path}`;
  }
  return `error preparing rootfs: ${report.syscall} ${path}: ${errnoText(report.errno)}`;
}

/** openat2(2) opens the directory of root.path, over which the root is mounted; all other calls make the mount. */
function explainRootMount(path: string, options: readonly string[], report: Report): Explanation {
  if (report.syscall === 'openat2') {
    return {
      code: 'container.rootfs',
      message: rootMessage(path, report),
      pointer: '/root/path',
      value: path,
    };
  }
  const about = report.detail === '' ? '' : ` ${report.detail}`;
  return {
    code: 'container.mount',
    message: `error mounting the layers of the root: ${report.syscall}${about}: ${errnoText(report.errno)}`,
    value: options[report.item ?? -1],
  };
}

const steps = {
  /**
   * In place of openRoot, for a root that is a union of layers: creates an overlay (fsopen, fsconfig per option,
   * fsmount) and mounts it over the host directory `path`. `options` are `key` or `key=value`; the values of
   * `lowerdir+`, `datadir+`, `upperdir` and `workdir` are absolute host paths without escapes. A nonempty `lower` is
   * the only layer and there are no options: its mount is cloned and becomes read-only. A nonzero `tree` is the slot of
   * a mount that the host has made; it must be accessible to the init. `attributes` are MOUNT_ATTR_*; `propagation`
   * is that of openRoot. With `oneCall`, mount(2) makes the overlay: Linux before 6.8 has no `lowerdir+`. The layers
   * are then named by the numbers of descriptors, because their paths would not fit into its page.
   */
  mountRoot: {
    path: 'text',
    tree: 'number',
    source: 'text',
    lower: 'text',
    options: 'texts',
    attributes: 'number',
    propagation: 'number',
    oneCall: 'number',
  },
} as const;

/** The root as a union of layers. */
export const rootMountFacility: Facility<typeof steps> = {
  steps,
  explain: { mountRoot: ({ path, options }, { report }) => explainRootMount(path, options, report) },
  hints: () => ({
    'mountRoot/fsopen': { [errno.ENODEV]: 'this kernel has no overlay file system' },
    'mountRoot/openat2': {
      [errno.ENOENT]: 'root.path must be a directory even if the root mount covers it',
      [errno.ENOTDIR]: 'root.path must be a directory, and not a symbolic link to one',
      [errno.ELOOP]: 'root.path must be a directory, and not a symbolic link to one',
    },
    'mountRoot/mount_setattr(MOUNT_ATTR_IDMAP)': {
      [errno.EINVAL]: 'the file system of the layer supports no id-mapped mounts on this kernel',
      [errno.ENOSYS]: 'in a user namespace one layer needs Linux 5.12, and more than one 6.15',
      [errno.EPERM]:
        'id-mapping needs CAP_SYS_ADMIN in the user namespace that owns the file system of the layer',
    },
    'mountRoot/faccessat2': {
      [errno.EACCES]:
        'root of the user namespace must own upperdir or have access to it: chown it to the mapped id',
    },
    mountRoot: {
      [errno.ENOENT]: 'a layer must exist before create; a relative path starts at the bundle directory',
      [errno.ENOTDIR]: 'a layer must be a directory',
      [errno.EINVAL]:
        'upperdir and workdir must be two directories of one mount, whose file system is not overlay or a network one; dmesg has the reason',
      [errno.ELOOP]: 'a directory occurs as two layers, or one layer contains another',
      [errno.EBUSY]: 'upperdir or workdir is in use by another overlay',
      [errno.EROFS]: 'upperdir is on a read-only file system: leave it and workdir out for a read-only root',
      [errno.EPERM]: `${nestedHint}; a user without root needs Linux 5.11`,
      [errno.EMFILE]:
        'each layer needs a descriptor: raise the limit of open files (ulimit -n) of the runtime',
      [errno.E2BIG]: 'Linux before 6.8 accepts at most 4095 bytes of options: remove some',
    },
  }),
  fields: { mountRoot: { attributes: attributeNames, propagation: propagationNames } },
};
