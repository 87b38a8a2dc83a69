// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import type { Config } from '../oci/config.ts';
import type { Step } from '../wire/steps.ts';
import { hostPath, type PlanContext } from './context.ts';
import { MS } from './kernel-flags.ts';
import { propagationOptions } from './mount-option-table.ts';
import { hasNamespace } from './namespaces.ts';
import { userNamespace } from './user-namespace.ts';

/** The steps around the root file system, each list for its own place in the plan. */
export interface RootfsPlan {
  /** Before any mount: what happens here must not reach the host. */
  readonly open: readonly Step[];
  /** When all the mounts are there. */
  readonly enter: readonly Step[];
  /** When nothing more is made in the root. */
  readonly seal: readonly Step[];
}

/** Of the root and all mounts that came with it. */
const wholePrivate = MS.MS_PRIVATE | MS.MS_REC;

/**
 * linux.rootfsPropagation. Without it the root and all that came with it is private, as with crun and runc 1.2; what the
 * config mounts from the host is a slave of the host's, as with runc: mounts of the host still come in, none goes out.
 *
 * Without the recursive slave or private of the whole namespace, mounts in it can still be shared with the host (that
 * is what shared is for: a bind of one stays so). The mount that holds the root is then taken out of that, or the root
 * put over itself would appear on the host, and the kernel would refuse to pivot. That the root is to be shared or
 * unbindable itself waits for the pivot, for the same two reasons.
 *
 * @throws RuntimeError `config.rootfsPropagation` for private with `noPivot`
 */
export function rootfsPlan(context: PlanContext): RootfsPlan {
  const { config, options } = context;
  const asked = config.linux?.rootfsPropagation || undefined;
  const flags = propagationOptions[asked ?? 'rslave'];
  const origin = asked === undefined ? '' : '/linux/rootfsPropagation';
  if (options.noPivot && (flags & MS.MS_PRIVATE) !== 0) {
    throw new RuntimeError({
      code: 'config.rootfsPropagation',
      pointer: origin,
      value: asked,
      spec: 'config-linux.md#rootfs-mount-propagation',
      message: 'rootfsPropagation of [r]private is not safe without pivot_root',
      hint: 'leave --no-pivot out, or use rslave',
    });
  }
  const path = hostPath(context, config.root.path);
  if (!hasNamespace(config, 'mount')) {
    return rootOnHost(context, path, origin, asked === undefined ? MS.MS_PRIVATE : flags);
  }
  const enter: Step[] = [{ op: options.noPivot ? 'moveRoot' : 'pivotRoot', origin: '/root/path' }];
  if ((flags & (MS.MS_PRIVATE | MS.MS_SLAVE)) === 0) enter.push({ op: 'setRootPropagation', origin, flags });
  const { root: tree } = context.trees;
  if (userNamespace(config) !== undefined) return rootOfHost(context, path, tree, flags, enter);
  const open: Step[] = [{ op: 'setPropagation', origin, flags }];
  if (!cutsOffHost(flags)) {
    const apart = (flags & MS.MS_SLAVE) === 0 ? MS.MS_PRIVATE : MS.MS_SLAVE;
    open.push({ op: 'setMountPropagation', origin, path, flags: apart });
  }
  const propagation = asked === undefined ? wholePrivate : 0;
  open.push(...context.trees.wait, { op: 'openRoot', origin: '/root/path', path, tree: 0, propagation });
  return { open, enter, seal: sealSteps(config) };
}

/**
 * In a user namespace, where the host has cloned the root if it is root itself. Nothing made there can reach the host: all mounts that are
 * shared with it become slaves, whatever is asked for, when the mount namespace is copied. So they do here.
 */
function rootOfHost(
  context: PlanContext,
  path: string,
  tree: number,
  flags: number,
  enter: readonly Step[],
): RootfsPlan {
  const { config } = context;
  const asked = config.linux?.rootfsPropagation || undefined;
  const ofAll = MS.MS_REC | ((flags & MS.MS_PRIVATE) === 0 ? MS.MS_SLAVE : MS.MS_PRIVATE);
  const ofRoot = (flags & (MS.MS_PRIVATE | MS.MS_SLAVE)) === 0 ? MS.MS_PRIVATE : 0;
  const propagation = asked === undefined ? wholePrivate : ofRoot;
  return {
    open: [
      { op: 'setPropagation', origin: '', flags: ofAll },
      ...context.trees.wait,
      { op: 'openRoot', origin: '/root/path', path, tree, propagation },
    ],
    enter,
    seal: sealSteps(config),
  };
}

function sealSteps(config: Config): Step[] {
  return config.root.readonly ? [{ op: 'sealRoot', origin: '/root/readonly' }] : [];
}

/**
 * In the host's own mount namespace only the root's mount may be changed: it is put over itself, cut off before the first
 * mount in it (which would else appear below it too, where nobody takes it off again), and entered by chroot(2).
 */
function rootOnHost(context: PlanContext, path: string, origin: string, flags: number): RootfsPlan {
  const { config } = context;
  const propagation = (flags & (MS.MS_PRIVATE | MS.MS_SLAVE)) === 0 ? MS.MS_PRIVATE : flags;
  const enter: Step[] = [{ op: 'changeRoot', origin: '/root/path', slot: 0 }];
  if (propagation !== flags) enter.push({ op: 'setRootPropagation', origin, flags });
  return {
    open: [
      ...context.trees.wait,
      { op: 'openRoot', origin: '/root/path', path, tree: 0, propagation: 0 },
      { op: 'setMountPropagation', origin, path, flags: propagation | MS.MS_REC },
    ],
    enter,
    seal: sealSteps(config),
  };
}

/** No mount of the namespace can send anything to the host. */
function cutsOffHost(flags: number): boolean {
  return (flags & MS.MS_REC) !== 0 && (flags & (MS.MS_PRIVATE | MS.MS_SLAVE)) !== 0;
}
