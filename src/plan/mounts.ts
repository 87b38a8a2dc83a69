// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { isBelow } from '../host/paths.ts';
import type { Mount } from '../oci/config.ts';
import { mountFlags, type Step } from '../wire/steps.ts';
import { containerCgroup } from './cgroup-path.ts';
import { containerPath, hostPath, type PlanContext } from './context.ts';
import { pathInRoot } from './host-trees.ts';
import { MOUNT_ATTR, MS } from './kernel-flags.ts';
import { contextOption, laterLabel } from './labels.ts';
import { waitFor } from './moments.ts';
import { bindAttributes, newMountAttributes, superBlockWords } from './mount-attributes.ts';
import { type MountWords, readMountWords, splitFilesystemWord } from './mount-options.ts';
import { targetFlags } from './mount-target.ts';
import { hasNamespace } from './namespaces.ts';
import { userNamespace } from './user-namespace.ts';

/** The steps of all mounts, and those that have to wait until nothing is made in the mounts any more. */
export interface MountPlan {
  readonly steps: readonly Step[];
  /** Makes tmpfs mounts and /dev read-only at last. */
  readonly deferred: readonly Step[];
}

/** One mount of the config while its steps are made. */
interface Request {
  readonly index: number;
  readonly mount: Mount;
  readonly words: MountWords;
  readonly target: string;
  readonly flags: number;
  readonly origin: string;
}

type BindStep = Extract<Step, { op: 'bind' }>;

/** config.mounts in their order. */
export function mountSteps(context: PlanContext): MountPlan {
  const steps: Step[] = [];
  const deferred: Step[] = [];
  const root = hostPath(context, context.config.root.path);
  context.config.mounts?.forEach((mount, index) => {
    const words = readMountWords(mount, index);
    const target = inContainer(mount.destination, root);
    const origin = `/mounts/${index}`;
    if (words.copyUp && (words.bind || mount.type !== 'tmpfs')) {
      context.warn(origin, `tmpcopyup has no meaning on ${target}, which is no tmpfs`);
    }
    const flags = targetFlags(target, words.bind ? undefined : (mount.type ?? ''), index);
    const request = { index, mount, words, target, flags, origin };
    const wait = context.trees.waits.get(index);
    if (wait !== undefined) steps.push(wait);
    if (words.bind) steps.push(...bindSteps(context, request));
    else if (mount.type === 'cgroup') steps.push(...cgroupSteps(context, request));
    else steps.push(...filesystemSteps(context, request, deferred));
  });
  return { steps, deferred };
}

/** A destination that begins with the root's own path on the host counts from the root, as with runc. */
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
  const recursive = [...closedCgroups(context, words, source, origin), ...words.recursive];
  return [...mapSteps(context, request.index, bind), bind, ...laterWords(words, recursive)];
}

/**
 * `ro` is for the top of a tree alone, so with rbind the host's cgroup file systems below /sys would stay writable. What a
 * user of the machine owns there, the root of the user's containers owns too: there `ro` holds for all of the tree.
 * Without a user namespace it stays as with runc, which programs in privileged containers count on. Before Linux 5.12 the
 * kernel can change the top alone.
 */
function closedCgroups(
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

/** Nobody but the host may map owners: it gets the clone for that, at the place of the bind in the order. */
function mapSteps({ trees }: PlanContext, index: number, bind: BindStep): Step[] {
  const slot = trees.mapped.get(index);
  if (slot === undefined) return [];
  const { origin, source, inRoot, recursive } = bind;
  return [
    { op: 'cloneTree', origin, source, inRoot, recursive, slot },
    waitFor('mapTree', origin, { slot, into: slot, count: 1 }),
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
  const handed = binds.get(request.index) ?? 0;
  // The way from the host's root may be closed to the root of a user namespace.
  const inRoot = root === 0 || handed !== 0 ? undefined : pathInRoot(context, source);
  const { set, clear, insist } = bindAttributes(request.words, context.facts.kernel);
  return {
    op: 'bind',
    origin: request.origin,
    source: inRoot ?? source,
    tree: handed || (mapped.get(request.index) ?? 0),
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
 * Outside of a cgroup namespace a new cgroup2 mount would give the host's whole hierarchy the options of this one (and
 * so take away its nsdelegate and the like), so there the host's mount is shown instead: it looks the same.
 */
function cgroupSteps(context: PlanContext, request: Request): Step[] {
  const { words, target, flags, origin } = request;
  const { layout, mountpoint } = context.facts.cgroup;
  if (!hasNamespace(context.config, 'cgroup') && layout !== 'none') {
    for (const { word, origin: at } of words.filesystem) {
      context.warn(
        at,
        `${word} is left out: the container sees the host's cgroup2 mount, with the host's options`,
      );
    }
    const own = { flags: MS.MS_PRIVATE, origin };
    return [
      bindStep(context, request, mountpoint, false, flags),
      ...laterWords({ ...words, propagation: [own, ...words.propagation] }, words.recursive),
    ];
  }
  return [
    {
      op: 'mountCgroup',
      origin,
      target,
      fallback: containerCgroup(context)?.path ?? '/sys/fs/cgroup',
      options: [...filesystemOptions('cgroup2', words), ...superBlockWords(words.set)],
      attributes: newMountAttributes(words.set),
      flags,
    },
    ...laterWords(words, words.recursive),
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
  // Mount points, devices and copies are still made in these: they become read-only when all is done. As with runc
  // only the mount does then, not its super block.
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
  const asked = filesystemOptions(fstype, words);
  const label = contextOption(context.config.linux?.mountLabel, fstype, asked);
  const options = [...asked, ...label, ...superBlockWords(plain)];
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
      attributes: newMountAttributes(plain),
      flags:
        flags | (inheritMode ? mountFlags.inheritMode : 0) | (tmpfs && words.copyUp ? mountFlags.copyUp : 0),
    },
    ...laterLabel(context.config.linux?.mountLabel, fstype),
    ...laterWords(words, recursive),
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

function filesystemOptions(fstype: string, words: MountWords): string[] {
  return words.filesystem.flatMap(({ word }) => splitFilesystemWord(fstype, word));
}

/** Propagation, then what goes down the whole tree: one step a word, so that a refused one is named. */
function laterWords(words: MountWords, recursive: MountWords['recursive']): Step[] {
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
