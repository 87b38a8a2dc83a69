// SPDX-License-Identifier: Apache-2.0

import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { MS } from '../kernel/mount.ts';
import type { Config } from '../oci/config.ts';
import type { Step } from '../wire/steps.ts';
import { hostPath, type PlanContext } from './context.ts';
import type { Explanation, Facility } from './facility.ts';
import { propagationNames } from './flag-names.ts';
import { propagationOptions } from './mount-option-table.ts';
import { hasNamespace } from './namespaces.ts';
import { rootMessage, rootMount, unionOf } from './root-mount.ts';
import { userNamespace } from './user-namespace.ts';

/** Steps of the runtime. */
export interface RootSteps {
  /** Opens a directory of the host and passes it to the init in `slot`. */
  readonly openDirectory: { readonly when: 'before'; readonly path: string; readonly slot: number };
}

/** The steps for the root file system, in three lists for different places in the plan. */
export interface RootfsPlan {
  /** Before any mount: the following steps must not affect the host. */
  readonly open: readonly Step[];
  /** After all mounts. */
  readonly enter: readonly Step[];
  /** After the last change in the root. */
  readonly seal: readonly Step[];
}

/** Propagation of the root and all mounts below it. */
const wholePrivate = MS.MS_PRIVATE | MS.MS_REC;

/**
 * linux.rootfsPropagation. Without it the root and the mounts below it are private, like in crun and runc 1.2. Mounts
 * that the config takes from the host are slaves of the host's, like in runc: new mounts of the host appear in the
 * container, and not the reverse.
 *
 * Without a recursive slave or private on the whole namespace, mounts in it can still be shared with the host (that is
 * the purpose of shared: a bind of such a mount stays shared). The mount that holds the root is then excluded:
 * otherwise the root's bind over itself would appear on the host, and the kernel would refuse the pivot. For the same
 * two reasons a root that is requested as shared or unbindable changes after the pivot.
 *
 * @throws RuntimeError `config.rootfsPropagation` for private with `noPivot`
 */
export function rootfsPlan(context: PlanContext): RootfsPlan {
  const { config, options } = context;
  const requested = config.linux?.rootfsPropagation || undefined;
  const flags = propagationOptions[requested ?? 'rslave'];
  const origin = requested === undefined ? '' : '/linux/rootfsPropagation';
  if (options.noPivot && (flags & MS.MS_PRIVATE) !== 0) {
    throw new RuntimeError({
      code: 'config.rootfsPropagation',
      pointer: origin,
      value: requested,
      spec: 'config-linux.md#rootfs-mount-propagation',
      message: 'rootfsPropagation of [r]private is not safe without pivot_root',
      hint: 'omit --no-pivot, or use rslave',
    });
  }
  const path = hostPath(context, config.root.path);
  if (!hasNamespace(config, 'mount')) {
    return rootOnHost(context, path, origin, requested === undefined ? MS.MS_PRIVATE : flags);
  }
  const enter: Step[] = [{ op: options.noPivot ? 'moveRoot' : 'pivotRoot', origin: '/root/path' }];
  if ((flags & (MS.MS_PRIVATE | MS.MS_SLAVE)) === 0) enter.push({ op: 'setRootPropagation', origin, flags });
  const { root: tree } = context.trees;
  if (userNamespace(config) !== undefined) return rootOfHost(context, path, tree, flags, enter);
  const open: Step[] = [{ op: 'setPropagation', origin, flags }];
  if (!stopsPropagation(flags)) {
    const apart = (flags & MS.MS_SLAVE) === 0 ? MS.MS_PRIVATE : MS.MS_SLAVE;
    open.push({ op: 'setMountPropagation', origin, path, flags: apart });
  }
  const propagation = requested === undefined ? wholePrivate : 0;
  open.push(...context.trees.wait, openStep(context, path, 0, propagation));
  return { open, enter, seal: sealSteps(config) };
}

/** Returns the step that provides the root: a directory of the host, or a union of layers that is mounted over it. */
function openStep(context: PlanContext, path: string, tree: number, propagation: number): Step {
  const root = rootMount(context.config);
  if (root === undefined) return { op: 'openRoot', origin: '/root/path', path, tree, propagation };
  return {
    op: 'mountRoot',
    origin: '/mounts/0',
    // The root of a user namespace may lack access to the path.
    path: tree === 0 || context.options.noPivot ? path : '/',
    tree,
    ...unionOf(context, root),
    propagation,
    oneCall: hasLayerOptions(context.facts) ? 0 : 1,
  };
}

/** Linux 6.8 has an option for each lower layer. */
function hasLayerOptions({ kernel: { major, minor } }: PlanContext['facts']): boolean {
  return major > 6 || (major === 6 && minor >= 8);
}

/**
 * Returns the plan for a user namespace; for a runtime with root, a process of the host clones the root. No mount in the
 * user namespace can reach the host: when the mount namespace is copied, the kernel turns all shared mounts into slaves,
 * regardless of the config. The plan does the same.
 */
function rootOfHost(
  context: PlanContext,
  path: string,
  tree: number,
  flags: number,
  enter: readonly Step[],
): RootfsPlan {
  const { config } = context;
  const requested = config.linux?.rootfsPropagation || undefined;
  const ofAll = MS.MS_REC | ((flags & MS.MS_PRIVATE) === 0 ? MS.MS_SLAVE : MS.MS_PRIVATE);
  const ofRoot = (flags & (MS.MS_PRIVATE | MS.MS_SLAVE)) === 0 ? MS.MS_PRIVATE : 0;
  const propagation = requested === undefined ? wholePrivate : ofRoot;
  return {
    open: [
      { op: 'setPropagation', origin: '', flags: ofAll },
      ...context.trees.wait,
      openStep(context, path, tree, propagation),
    ],
    enter,
    seal: sealSteps(config),
  };
}

function sealSteps(config: Config): Step[] {
  if (config.root.readonly) return [{ op: 'sealRoot', origin: '/root/readonly' }];
  const origin = rootMount(config)?.readOnly;
  return origin === undefined ? [] : [{ op: 'sealRoot', origin }];
}

/**
 * In the host's own mount namespace only the root's mount may change. It is bound over itself, cut off from
 * propagation before the first mount in it (a shared one would also appear below, where nothing unmounts it), and
 * entered by chroot(2).
 */
function rootOnHost(context: PlanContext, path: string, origin: string, flags: number): RootfsPlan {
  const { config } = context;
  const propagation = (flags & (MS.MS_PRIVATE | MS.MS_SLAVE)) === 0 ? MS.MS_PRIVATE : flags;
  const enter: Step[] = [{ op: 'changeRoot', origin: '/root/path', slot: 0 }];
  if (propagation !== flags) enter.push({ op: 'setRootPropagation', origin, flags });
  return {
    open: [
      ...context.trees.wait,
      openStep(context, path, 0, 0),
      { op: 'setMountPropagation', origin, path, flags: propagation | MS.MS_REC },
    ],
    enter,
    seal: sealSteps(config),
  };
}

/** Returns true if no mount of the namespace can propagate to the host. */
function stopsPropagation(flags: number): boolean {
  return (flags & MS.MS_REC) !== 0 && (flags & (MS.MS_PRIVATE | MS.MS_SLAVE)) !== 0;
}

function rootfsFailure(attempt: string, called: string): Explanation {
  return { code: 'container.rootfs', message: `${attempt}: ${called}` };
}

const steps = {
  /** mount(2) with propagation `flags` (MS_SLAVE|MS_REC, ...) on the root of the mount namespace. */
  setPropagation: { flags: 'number' },
  /**
   * mount(2) with propagation `flags` on the one mount that contains the host path `path`: the nearest mount point at
   * or above it.
   */
  setMountPropagation: { path: 'text', flags: 'number' },
  /**
   * Clones the mount tree at the host path `path`, which must be a directory and not a symbolic link, and mounts it
   * over itself, which makes it a valid target of pivot_root. All later steps use it as the root. A nonzero `tree` is
   * the slot of a clone that the host has made; it is mounted over `/` and must be accessible to the init. First the
   * clone gets the propagation (MS_PRIVATE; with MS_REC for all of its mounts; 0: unchanged).
   */
  openRoot: { path: 'text', tree: 'number', propagation: 'number' },
  /** pivot_root(2) to the root, then detaches the old root. */
  pivotRoot: {},
  /**
   * For a root that pivot_root does not support: unmounts /proc and /sys of the host, moves the root over `/`
   * (MS_MOVE), and calls chroot(2).
   */
  moveRoot: {},
  /**
   * chroot(2) into the root, or with a nonzero `slot` into the directory there, which becomes the root: for a
   * container that shares its mount namespace.
   */
  changeRoot: { slot: 'number' },
  /** mount(2) with propagation `flags` on `/`, after the pivot. */
  setRootPropagation: { flags: 'number' },
  /** Makes the root mount read-only (only the top mount). */
  sealRoot: {},
} as const;

/** The root file system. */
export const rootfsFacility: Facility<typeof steps, RootSteps> = {
  steps,
  explain: {
    openRoot: ({ path }, { report }) => ({
      code: 'container.rootfs',
      message: rootMessage(path, report),
      value: path,
    }),
    setPropagation: (_, { called }) => rootfsFailure('error preparing rootfs', called),
    setMountPropagation: (_, { called }) => rootfsFailure('error preparing rootfs', called),
    pivotRoot: (_, { called }) => rootfsFailure('error jailing process inside rootfs', called),
    moveRoot: (_, { called }) => rootfsFailure('error jailing process inside rootfs', called),
    changeRoot: (_, { called }) => rootfsFailure('error jailing process inside rootfs', called),
    setRootPropagation: (_, { called }) => rootfsFailure('unable to apply root propagation flags', called),
    sealRoot: (_, { called }) => rootfsFailure('error setting rootfs as readonly', called),
  },
  hints: () => ({
    openRoot: {
      [errno.ENOENT]: 'root.path is relative to the bundle directory, and must exist before create',
      [errno.ENOTDIR]: 'root.path must be a directory, and not a symbolic link to one',
      [errno.ELOOP]: 'root.path must be a directory, and not a symbolic link to one',
      [errno.EACCES]:
        'root of the user namespace cannot enter it: its owner or mode must allow the mapped user',
    },
    pivotRoot: { [errno.EINVAL]: 'pivot_root(2) does not work on a ramfs (an initrd): use --no-pivot' },
  }),
  explainHost: { openDirectory: ({ path }) => ({ attempt: `unable to open ${path}` }) },
  hostTexts: { openDirectory: ({ path, slot }) => `path=${path} slot=${slot}` },
  fields: {
    setPropagation: { flags: propagationNames },
    setMountPropagation: { flags: propagationNames },
    setRootPropagation: { flags: propagationNames },
    openRoot: { propagation: propagationNames },
  },
};
