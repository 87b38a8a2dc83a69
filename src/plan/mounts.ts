// SPDX-License-Identifier: Apache-2.0

import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { isBelow } from '../host/paths.ts';
import { MOUNT_ATTR, MS } from '../kernel/mount.ts';
import { append } from '../oci/append.ts';
import type { Mount } from '../oci/config.ts';
import type { Enabled } from '../oci/features.ts';
import type { Step } from '../wire/steps.ts';
import { containerCgroup } from './cgroup.ts';
import { containerPath, hostPath, type PlanContext } from './context.ts';
import { explainMount, nestedHint } from './explain-mount.ts';
import type { Facility, ItemPlace, NumberText } from './facility.ts';
import { attributeNames, flagNames, propagationNames } from './flag-names.ts';
import { pathInRoot } from './host-trees.ts';
import { contextOption, labelAfterMount } from './labels.ts';
import { bindAttributes, newMountAttributes, superBlockWords } from './mount-attributes.ts';
import { type MountWords, readMountWords, splitFilesystemWord } from './mount-options.ts';
import { mountFlags, targetFlags } from './mount-target.ts';
import { hasNamespace } from './namespaces.ts';
import { isRootMount } from './root-mount.ts';
import { syncAt } from './sync-points.ts';
import { userNamespace } from './user-namespace.ts';

/** The steps of all mounts, and those that run after the last change inside the mounts. */
export interface MountPlan {
  readonly steps: readonly Step[];
  /** Makes tmpfs mounts and /dev read-only. */
  readonly deferred: readonly Step[];
}

/** One mount of the config while its steps are computed. */
interface Request {
  readonly index: number;
  readonly mount: Mount;
  readonly words: MountWords;
  readonly target: string;
  readonly flags: number;
  readonly origin: string;
}

type BindStep = Extract<Step, { op: 'bind' }>;

/** Returns the steps of config.mounts, in their order. */
export function mountSteps(context: PlanContext): MountPlan {
  const steps: Step[] = [];
  const deferred: Step[] = [];
  const root = hostPath(context, context.config.root.path);
  context.config.mounts?.forEach((mount, index) => {
    if (isRootMount(mount, index)) return;
    const words = readMountWords(mount, index);
    const target = inContainer(mount.destination, root);
    const origin = `/mounts/${index}`;
    if (words.copyUp && (words.bind || mount.type !== 'tmpfs')) {
      context.warn(origin, `tmpcopyup is ignored on ${target}, which is not a tmpfs`);
    }
    const flags = targetFlags(target, words.bind ? undefined : (mount.type ?? ''), index);
    const request = { index, mount, words, target, flags, origin };
    const wait = context.trees.waits.get(index);
    if (wait !== undefined) steps.push(wait);
    if (words.bind) append(steps, bindSteps(context, request));
    else if (mount.type === 'cgroup') append(steps, cgroupSteps(context, request));
    else append(steps, filesystemSteps(context, request, deferred));
  });
  return { steps, deferred };
}

/** A destination that begins with the host path of the root is relative to the root, like in runc. */
function inContainer(destination: string, root: string): string {
  const path = containerPath(destination);
  return isBelow(path, root) ? path.slice(root.length) : path;
}

function bindSteps(context: PlanContext, request: Request): Step[] {
  const { mount, words, target, flags, origin } = request;
  if (mount.source === undefined || mount.source === '') {
    throw new RuntimeError({
      code: 'config.mount.source',
      pointer: `${origin}/source`,
      path: target,
      spec: 'config.md#mounts',
      message: `the bind mount on ${target} has no source`,
    });
  }
  const source = hostPath(context, mount.source);
  const bind = bindStep(context, request, source, words.tree, flags);
  const recursive = [...readOnlyCgroups(context, words, source, origin), ...words.recursive];
  return [...mapSteps(context, request.index, bind), bind, ...changesAfterMount(words, recursive)];
}

/**
 * `ro` applies to the top of a tree only: with rbind, the host's cgroup file systems below /sys would stay writable. In
 * a user namespace `ro` applies to the whole tree, because cgroups that a host user owns would also belong to the root
 * of that user's containers. Without a user namespace only the top changes, like in runc: programs in privileged
 * containers depend on it. Linux before 5.12 can change the top only.
 */
function readOnlyCgroups(
  { config, facts }: PlanContext,
  { tree, set }: MountWords,
  source: string,
  origin: string,
): MountWords['recursive'] {
  const mountpoint = facts.cgroup.mountpoint || '/sys/fs/cgroup';
  const { major, minor } = facts.kernel;
  const above = source === mountpoint || isBelow(mountpoint, source);
  if (!tree || (set & MS.MS_RDONLY) === 0 || !above || !(source === '/sys' || isBelow(source, '/sys')))
    return [];
  if (userNamespace(config) === undefined || major < 5 || (major === 5 && minor < 12)) return [];
  return [{ set: MOUNT_ATTR.MOUNT_ATTR_RDONLY, clear: 0, origin }];
}

/**
 * Returns the steps for mapped owners before a bind. Only a process of the host may map owners: the init sends the
 * clone to the runtime.
 */
function mapSteps({ trees }: PlanContext, index: number, bind: BindStep): Step[] {
  const slot = trees.mapped.get(index);
  if (slot === undefined) return [];
  const { origin, source, inRoot, recursive } = bind;
  return [
    { op: 'cloneTree', origin, source, inRoot, recursive, slot },
    syncAt('mapTree', origin, { slot, into: slot, count: 1 }),
  ];
}

function bindStep(
  context: PlanContext,
  request: Request,
  source: string,
  tree: boolean,
  flags: number,
): BindStep {
  const { root, binds, mapped } = context.trees;
  const hostClone = binds.get(request.index) ?? 0;
  // The root of a user namespace may not be able to traverse the host path.
  const inRoot = root === 0 || hostClone !== 0 ? undefined : pathInRoot(context, source);
  const { set, clear, insist } = bindAttributes(request.words, context.facts.kernel);
  return {
    op: 'bind',
    origin: request.origin,
    source: inRoot ?? source,
    tree: hostClone || (mapped.get(request.index) ?? 0),
    inRoot: inRoot === undefined ? 0 : 1,
    target: request.target,
    recursive: tree ? 1 : 0,
    attributesSet: set,
    attributesClear: clear,
    attributesInsist: insist,
    flags,
  };
}

/**
 * Without a cgroup namespace a new cgroup2 mount would apply its options to the host's whole hierarchy (and clear
 * nsdelegate and others). The host's mount is bound instead: it has the same contents.
 */
function cgroupSteps(context: PlanContext, request: Request): Step[] {
  const { words, target, flags, origin } = request;
  const { layout, mountpoint } = context.facts.cgroup;
  if (!hasNamespace(context.config, 'cgroup') && layout !== 'none') {
    for (const { word, position } of words.filesystem) {
      context.warn(
        `${origin}/options/${position}`,
        `${word} is ignored: the container sees the host's cgroup2 mount, with the host's options`,
      );
    }
    const own = { flags: MS.MS_PRIVATE, origin };
    return [
      bindStep(context, request, mountpoint, false, flags),
      ...changesAfterMount({ ...words, propagation: [own, ...words.propagation] }, words.recursive),
    ];
  }
  return [
    {
      op: 'mountCgroup',
      origin,
      target,
      fallback: containerCgroup(context)?.path ?? '/sys/fs/cgroup',
      ...filesystemOptions('cgroup2', request, words.set),
      attributes: newMountAttributes(words.set),
      flags,
    },
    ...changesAfterMount(words, words.recursive),
  ];
}

function filesystemSteps(context: PlanContext, request: Request, deferred: Step[]): Step[] {
  const { mount, words, target, flags, origin } = request;
  const fstype = mount.type ?? '';
  if (fstype === '') {
    throw new RuntimeError({
      code: 'config.mount.type',
      pointer: `${origin}/type`,
      path: target,
      spec: 'config.md#mounts',
      message: `the mount on ${target} has no type, and neither bind nor rbind among its options`,
    });
  }
  // Later steps make mount points, devices and copies in these mounts, therefore they become read-only at the end: the
  // mount only and not its super block, like in runc.
  const late = fstype === 'tmpfs' || target === '/dev';
  let plain = words.set;
  let recursive = words.recursive;
  let readOnlyLater = false;
  if (late) {
    readOnlyLater = (plain & MS.MS_RDONLY) !== 0;
    plain &= ~MS.MS_RDONLY;
    for (const { set, clear } of recursive) {
      if (((set | clear) & MOUNT_ATTR.MOUNT_ATTR_RDONLY) !== 0) readOnlyLater = set !== 0;
    }
    recursive = recursive.filter(({ set, clear }) => ((set | clear) & MOUNT_ATTR.MOUNT_ATTR_RDONLY) === 0);
  }
  const { options, places } = filesystemOptions(fstype, request, plain, context.config.linux?.mountLabel);
  const tmpfs = fstype === 'tmpfs';
  const inheritMode = tmpfs && !options.some(option => option.startsWith('mode='));
  const steps: Step[] = [
    {
      op: 'mount',
      origin,
      fstype,
      source: mount.source ?? '',
      target,
      options,
      places,
      attributes: newMountAttributes(plain),
      flags:
        flags | (inheritMode ? mountFlags.inheritMode : 0) | (tmpfs && words.copyUp ? mountFlags.copyUp : 0),
    },
    ...labelAfterMount(context.config.linux?.mountLabel, fstype),
    ...changesAfterMount(words, recursive),
  ];
  if (readOnlyLater) {
    const slot = context.takeSlot();
    steps.push({ op: 'keepMount', origin, slot });
    deferred.push({
      op: 'changeMount',
      origin,
      slot,
      attributesSet: MOUNT_ATTR.MOUNT_ATTR_RDONLY,
      attributesClear: 0,
      propagation: 0,
      recursive: 0,
    });
  }
  return steps;
}

/** Returns the options of a new file system, each with its place in the config. `flags` are MS_* of the plain words. */
function filesystemOptions(
  fstype: string,
  { mount, words }: Request,
  flags: number,
  mountLabel?: string,
): { readonly options: string[]; readonly places: ItemPlace[] } {
  const options: string[] = [];
  const places: ItemPlace[] = [];
  const add = (option: string, place: ItemPlace): void => {
    options.push(option);
    places.push(place);
  };
  for (const { word, position } of words.filesystem) {
    for (const option of splitFilesystemWord(fstype, word)) add(option, position);
  }
  for (const option of contextOption(mountLabel, fstype, options)) add(option, '/linux/mountLabel');
  // A repeated word is attributed to its last position.
  for (const word of superBlockWords(flags)) add(word, mount.options?.lastIndexOf(word) ?? 0);
  return { options, places };
}

/**
 * Returns the steps for the propagation, then for recursive attributes: one step per word, because a refusal must name
 * its word.
 */
function changesAfterMount(words: MountWords, recursive: MountWords['recursive']): Step[] {
  if (words.propagation.length === 0 && recursive.length === 0) return [];
  const newest = { op: 'changeMount', slot: 0 } as const;
  return [
    ...words.propagation.map(({ flags, origin }) => ({
      ...newest,
      origin,
      attributesSet: 0,
      attributesClear: 0,
      propagation: flags & ~MS.MS_REC,
      recursive: (flags & MS.MS_REC) === 0 ? 0 : 1,
    })),
    ...recursive.map(({ set, clear, origin }) => ({
      ...newest,
      origin,
      attributesSet: set,
      attributesClear: clear,
      propagation: 0,
      recursive: 1,
    })),
  ];
}

const targetFlagNames: NumberText = value => flagNames(value, mountFlags);

/** A member of `linux` in the features document. */
export interface MountFeatures {
  readonly mountExtensions: { readonly idmap: Enabled };
}

const steps = {
  /**
   * Creates a file system of type `fstype` (fsopen, fsconfig per option, fsmount) and mounts it on `target` in the
   * root. A missing target is created as a directory (0755). `options` are `key` or `key=value`; `attributes` are
   * MOUNT_ATTR_*. Flags: see `mountFlags`.
   */
  mount: {
    fstype: 'text',
    source: 'text',
    target: 'text',
    options: 'texts',
    attributes: 'number',
    flags: 'number',
  },
  /**
   * Clones the mount (with `recursive` the tree) at the host path `source`, sets and clears MOUNT_ATTR_* on its top
   * mount, and mounts it on `target` in the root. A missing target is created: a directory for a directory, otherwise
   * an empty file. If the kernel refuses to clear locked attributes, those of `attributesClear` that are not in
   * `attributesInsist` remain set. A nonzero `tree` is the slot of a clone that the host has made. With `inRoot`, the
   * source is a path in the root.
   */
  bind: {
    source: 'text',
    tree: 'number',
    inRoot: 'number',
    target: 'text',
    recursive: 'number',
    attributesSet: 'number',
    attributesClear: 'number',
    attributesInsist: 'number',
    flags: 'number',
  },
  /**
   * Clones the mount at `source` like `bind`, and keeps the clone in `slot`, from which `sync` sends it to the
   * host.
   */
  cloneTree: { source: 'text', inRoot: 'number', recursive: 'number', slot: 'number' },
  /**
   * Mounts cgroup2 on `target` in the root. If the kernel refuses (EPERM, EBUSY), bind-mounts the host directory
   * `fallback` there recursively.
   */
  mountCgroup: { target: 'text', fallback: 'text', options: 'texts', attributes: 'number', flags: 'number' },
  /** Keeps the newest mount (slot 0) in `slot` for a later step. */
  keepMount: { slot: 'number' },
  /**
   * mount_setattr(2) on the mount in `slot`, with `recursive` on its whole tree: MOUNT_ATTR_* to set and to clear,
   * and a propagation (MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE, or 0).
   */
  changeMount: {
    slot: 'number',
    attributesSet: 'number',
    attributesClear: 'number',
    propagation: 'number',
    recursive: 'number',
  },
} as const;

/** Mounts. */
export const mountsFacility: Facility<typeof steps> = {
  steps,
  features: () => ({ mountExtensions: { idmap: { enabled: true } } }),
  explain: {
    mount: (_, failure) => explainMount(failure),
    bind: (_, failure) => explainMount(failure),
    cloneTree: (_, failure) => explainMount(failure),
    mountCgroup: (_, failure) => explainMount(failure),
    keepMount: (_, failure) => explainMount(failure),
    changeMount: (_, failure) => explainMount(failure),
  },
  hints: () => ({
    'mount/fsopen': { [errno.ENODEV]: 'this kernel has no such file system: /proc/filesystems lists them' },
    'mount/fsconfig': {
      [errno.EINVAL]: 'the file system refuses this option; the message contains its reason',
      [errno.EPERM]: nestedHint,
      [errno.EBUSY]: 'the device or directory is in use by another mount',
      [errno.ENOENT]: 'a directory or device in the options does not exist',
    },
    mount: {
      [errno.EPERM]: nestedHint,
      [errno.EROFS]: 'the mount point is missing and cannot be made on a read-only file system',
      [errno.ENOTDIR]: 'a component of the path to the mount point is a file',
      [errno.EMFILE]:
        'a read-only tmpfs needs a descriptor until all mounts are made: raise the limit of open files (ulimit -n) of the runtime',
      [errno.ELOOP]: 'a symbolic link in the path to the mount point is dangling',
    },
    'bind/open_tree': {
      [errno.ENOENT]:
        'the source does not exist on the host; a relative path of config.json starts at the bundle directory',
      [errno.EINVAL]:
        'the source is on an unbindable mount, or mounts below it are locked by a user namespace: use rbind',
      [errno.EPERM]: nestedHint,
    },
    'bind/move_mount': {
      [errno.ENOTDIR]: 'source and destination must both be directories or both be files',
    },
    'mount/move_mount': { [errno.ENOTDIR]: 'the destination is a file, and must be a directory' },
    'bind/mount_setattr': {
      [errno.EPERM]: 'the source is mounted with options that are locked here: do not clear them',
      [errno.EINVAL]: 'this kernel does not support one of the options',
    },
    'bind/mount_setattr(MOUNT_ATTR_IDMAP)': {
      [errno.EINVAL]:
        'the file system of the source supports no id-mapped mounts on this kernel, or the source is already id-mapped',
      [errno.EPERM]:
        'id-mapping needs CAP_SYS_ADMIN in the user namespace that owns the file system of the source',
      [errno.ENOSYS]: 'id-mapped mounts need Linux 5.12',
      [errno.EBUSY]: 'a file in it is open for writing',
    },
    bind: {
      [errno.EROFS]: 'the mount point is missing and cannot be made on a read-only file system',
      [errno.ENOTDIR]: 'a component of the path to the mount point is a file',
    },
    changeMount: {
      [errno.EINVAL]: 'this kernel does not support one of the options',
      [errno.ENOSYS]: 'recursive mount options need Linux 5.12',
      [errno.EPERM]: 'the mount has options that are locked here: do not clear them',
      [errno.EBUSY]: 'a file in it is open for writing',
    },
  }),
  sameHints: { mountCgroup: 'mount', cloneTree: 'bind' },
  fields: {
    mount: { attributes: attributeNames, flags: targetFlagNames },
    bind: {
      attributesSet: attributeNames,
      attributesClear: attributeNames,
      attributesInsist: attributeNames,
      flags: targetFlagNames,
    },
    mountCgroup: { attributes: attributeNames, flags: targetFlagNames },
    changeMount: {
      attributesSet: attributeNames,
      attributesClear: attributeNames,
      propagation: propagationNames,
    },
  },
};
