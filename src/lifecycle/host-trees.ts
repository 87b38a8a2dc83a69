// SPDX-License-Identifier: Apache-2.0

import { RuntimeError } from '../errors/error.ts';
import { isSystemError } from '../errors/system.ts';
import type { SystemError } from '../host/binding.d.ts';
import { openReadOnly } from '../host/files.ts';
import { O } from '../kernel/files.ts';
import { explainFailure } from '../plan/explain.ts';
import type { IdMap } from '../plan/host-trees.ts';
import type { HostStepOf } from '../plan/plan.ts';
import { isLayer } from '../plan/root-mount.ts';
import type { HostContext, HostOperation } from './host-context.ts';
import { mappedNamespace } from './id-maps.ts';

type CloneTree = HostStepOf<'cloneTree'>;

/** A tree to clone. */
type TreeRequest = Pick<CloneTree, 'path' | 'recursive'>;

/** Clones the trees that the init waits for, in the init's mount namespace, which the runtime is not in. */
export const cloneTree: HostOperation<'cloneTree'> = {
  apply(all, context) {
    const steps = all.filter(step => isAwaited(context, step));
    const cloned = (error: SystemError): Refused | undefined => steps[Number(error.path ?? -1)];
    const trees = asStepFailure(context, cloned, 'open_tree', () => cloneTrees(context, steps));
    for (const tree of trees) context.at.give('tree', tree);
    for (const [index, { idmap, origin }] of steps.entries()) {
      if (idmap === undefined) continue;
      showOwners(context, idmap, { origin }, trees[index] as number);
    }
  },
};

/** Returns true if the init waits for this slot now. The init requests a long list of trees in parts. */
function isAwaited({ at: { into, count } }: HostContext, { slot }: { readonly slot: number }): boolean {
  return slot >= into && slot < into + count;
}

/** Fails with the index of the refused tree as the path of the error. */
function cloneTrees(context: HostContext, requests: readonly TreeRequest[]): number[] {
  const { binding } = context.runtime;
  const { pid } = context.init;
  const opened: number[] = [];
  const open = (path: string): number => {
    const fd = openReadOnly(binding, path);
    opened.push(fd);
    return fd;
  };
  try {
    return binding.cloneTrees({
      mountNamespace: open(`/proc/${pid}/ns/mnt`),
      // In a later part, the container's root is mounted over the root of the namespace; the init's root is still below it.
      root: open(`/proc/${pid}/root`),
      paths: requests.map(({ path }) => path),
      recursive: requests.map(({ recursive }) => recursive),
    });
  } finally {
    for (const fd of opened) binding.close(fd);
  }
}

/**
 * Makes the overlay of a user namespace. Its lower layers are clones that show the container's owners; the kernel
 * accepts them although they are detached. The upper layer has the owners of the host.
 */
export const makeUnion: HostOperation<'makeUnion'> = {
  apply([step], context) {
    if (step === undefined || !isAwaited(context, step)) return;
    const { binding } = context.runtime;
    const { origin, source, options, attributes, idmap } = step;
    const layers = options.flatMap((option, item) => layerOf(option, item) ?? []);
    const lowers = layers.filter(({ mapped }) => mapped);
    const opened: number[] = [];
    try {
      const fds = options.map(() => -1);
      const refusedLower = (error: SystemError): Refused => ({ origin, ...lowers[Number(error.path ?? -1)] });
      const trees = asStepFailure(context, refusedLower, 'open_tree', () =>
        cloneTrees(
          context,
          lowers.map(({ path }) => ({ path, recursive: false })),
        ),
      );
      opened.push(...trees);
      for (const [index, { item, path }] of lowers.entries()) {
        const tree = trees[index] as number;
        showOwners(context, idmap, { origin, item, path }, tree);
        fds[item] = tree;
      }
      for (const { item, path, mapped } of layers) {
        if (mapped) continue;
        const fd = asStepFailure(
          context,
          () => ({ origin, item, path }),
          'open',
          () => binding.open(path, O.O_PATH | O.O_CLOEXEC, 0),
        );
        opened.push(fd);
        fds[item] = fd;
      }
      const refusedOption = ({ path = '' }: SystemError): Refused => {
        const item = Number.parseInt(path, 10);
        const message = path.slice(path.indexOf(' ') + 1);
        const option = options[item];
        return {
          origin,
          ...(option !== undefined && { item }),
          path: [option, message].filter(Boolean).join(': '),
        };
      };
      const union = asStepFailure(context, refusedOption, undefined, () =>
        binding.makeOverlay({ source, options, fds, attributes }),
      );
      context.at.give('tree', union);
    } finally {
      for (const fd of opened) binding.close(fd);
    }
  },
};

interface Layer {
  readonly item: number;
  readonly path: string;
  readonly mapped: boolean;
}

function layerOf(option: string, item: number): Layer | undefined {
  const equals = option.indexOf('=');
  const key = option.slice(0, equals);
  if (equals < 0 || !isLayer({ key })) return undefined;
  return { item, path: option.slice(equals + 1), mapped: key === 'lowerdir+' || key === 'datadir+' };
}

export const mapTree: HostOperation<'mapTree'> = {
  apply([step], context) {
    if (step === undefined) return;
    const tree = context.at.take('tree');
    context.at.give('tree', tree);
    showOwners(context, step.idmap, step, tree);
  },
};

/** Returns the user namespace with the mappings of a mount. Mounts with equal mappings share it. */
function namespaceOf(context: HostContext, idmap: IdMap, origin: string): number {
  const { runtime, ownerNamespaces } = context;
  const key = JSON.stringify([idmap.uids, idmap.gids]);
  const known = ownerNamespaces.get(key);
  if (known !== undefined) return known;
  const namespace =
    idmap.uids === undefined
      ? openReadOnly(runtime.binding, `/proc/${context.init.pid}/ns/user`)
      : mappedNamespace(runtime, idmap, origin);
  // Cached for later mounts, with a limit on the number of descriptors.
  if (ownerNamespaces.size === mostOwnerNamespaces) closeNamespaces(context);
  if (ownerNamespaces.size === 0) context.atEnd(() => closeNamespaces(context));
  ownerNamespaces.set(key, namespace);
  return namespace;
}

const mostOwnerNamespaces = 64;

function closeNamespaces({ runtime, ownerNamespaces }: HostContext): void {
  for (const namespace of ownerNamespaces.values()) runtime.binding.close(namespace);
  ownerNamespaces.clear();
}

function showOwners(context: HostContext, idmap: IdMap, refused: Refused, tree: number): void {
  const namespace = namespaceOf(context, idmap, refused.origin);
  asStepFailure(
    context,
    () => refused,
    'mount_setattr(MOUNT_ATTR_IDMAP)',
    () => context.runtime.binding.mapMount(tree, namespace, idmap.recursive),
  );
}

/** The origin of the container step that waits for a tree, and the refused item of its list. */
interface Refused {
  readonly origin: string;
  readonly item?: number;
  /** Default: the source of the step. */
  readonly path?: string;
}

/** Reports a failed call as a failure of the container step that waits for the tree. */
function asStepFailure<T>(
  { plan, config, startsNothing }: HostContext,
  subjectOf: (error: SystemError) => Refused | undefined,
  syscall: string | undefined,
  work: () => T,
): T {
  try {
    return work();
  } catch (error) {
    const tree = isSystemError(error) ? subjectOf(error) : undefined;
    if (!isSystemError(error) || tree === undefined) throw error;
    const waiting = plan.container.findIndex(step => 'tree' in step && step.origin === tree.origin);
    const at = plan.container[waiting];
    const source =
      at?.op === 'bind' || at?.op === 'attachMount' ? at.source : at?.op === 'openRoot' ? at.path : '';
    const report = {
      kind: 'failed',
      step: waiting,
      syscall: syscall ?? error.syscall,
      errno: error.errno,
      detail: tree.path ?? source,
      ...(tree.item !== undefined && { item: tree.item }),
    } as const;
    const failure = explainFailure(plan, report, config);
    if (startsNothing) throw new RuntimeError(failure);
    throw new RuntimeError({ ...failure, message: `error during container init: ${failure.message}` });
  }
}
