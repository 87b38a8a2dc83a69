// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { isSystemError } from '../errors/system.ts';
import type { SystemError } from '../host/binding.d.ts';
import { openReadOnly } from '../host/files.ts';
import { explainFailure } from '../plan/explain.ts';
import type { IdMap } from '../plan/host-trees.ts';
import type { HostStepOf } from '../plan/plan.ts';
import type { HostOperation, HostWork } from './host-work.ts';
import { mappedNamespace } from './id-maps.ts';

type CloneTree = HostStepOf<'cloneTree'>;

/** Clones the trees that the init waits for, in the init's mount namespace, which the runtime is not in. */
export const cloneTree: HostOperation<'cloneTree'> = {
  apply(all, work) {
    const { binding } = work.runtime;
    const { pid } = work.init;
    const { into, count } = work.at;
    const steps = all.filter(({ slot }) => slot >= into && slot < into + count);
    const opened: number[] = [];
    const open = (path: string): number => {
      const fd = openReadOnly(binding, path);
      opened.push(fd);
      return fd;
    };
    try {
      const request = {
        mountNamespace: open(`/proc/${pid}/ns/mnt`),
        // In a later part the container's root covers the root of the namespace; the init's root is still the one
        // below.
        root: open(`/proc/${pid}/root`),
        paths: steps.map(({ path }) => path),
        recursive: steps.map(({ recursive }) => recursive),
      };
      const cloned = (error: SystemError): CloneTree | undefined => steps[Number(error.path ?? -1)];
      const trees = named(work, cloned, 'open_tree', () => binding.cloneTrees(request));
      for (const tree of trees) work.at.give('tree', tree);
      for (const [index, { idmap, origin }] of steps.entries()) {
        if (idmap === undefined) continue;
        showOwners(work, { idmap, origin }, trees[index] as number, namespaceOf(work, idmap, origin));
      }
    } finally {
      for (const fd of opened) binding.close(fd);
    }
  },
};

export const mapTree: HostOperation<'mapTree'> = {
  apply([step], work) {
    if (step === undefined) return;
    const tree = work.at.take('tree');
    work.at.give('tree', tree);
    showOwners(work, step, tree, namespaceOf(work, step.idmap, step.origin));
  },
};

/** The user namespace with the mappings of a mount. Mounts with equal mappings share it. */
function namespaceOf(work: HostWork, idmap: IdMap, origin: string): number {
  const { runtime, ownerNamespaces } = work;
  const key = JSON.stringify([idmap.uids, idmap.gids]);
  const known = ownerNamespaces.get(key);
  if (known !== undefined) return known;
  const namespace =
    idmap.uids === undefined
      ? openReadOnly(runtime.binding, `/proc/${work.init.pid}/ns/user`)
      : mappedNamespace(runtime, idmap, origin);
  // Cached for later mounts, with a limit on the number of descriptors.
  if (ownerNamespaces.size === keptNamespaces) closeNamespaces(work);
  if (ownerNamespaces.size === 0) work.atEnd(() => closeNamespaces(work));
  ownerNamespaces.set(key, namespace);
  return namespace;
}

const keptNamespaces = 64;

function closeNamespaces({ runtime, ownerNamespaces }: HostWork): void {
  for (const namespace of ownerNamespaces.values()) runtime.binding.close(namespace);
  ownerNamespaces.clear();
}

function showOwners(
  work: HostWork,
  { idmap, origin }: { readonly idmap: IdMap; readonly origin: string },
  tree: number,
  namespace: number,
): void {
  named(
    work,
    () => ({ origin }),
    'mount_setattr(MOUNT_ATTR_IDMAP)',
    () => work.runtime.binding.mapMount(tree, namespace, idmap.recursive),
  );
}

/** Reports a failed call as a failure of the container step that waits for the tree. */
function named<T>(
  { plan, config }: HostWork,
  subjectOf: (error: SystemError) => { readonly origin: string } | undefined,
  syscall: string,
  work: () => T,
): T {
  try {
    return work();
  } catch (error) {
    const tree = isSystemError(error) ? subjectOf(error) : undefined;
    if (!isSystemError(error) || tree === undefined) throw error;
    const waiting = plan.container.findIndex(step => 'tree' in step && step.origin === tree.origin);
    const at = plan.container[waiting];
    const detail = at?.op === 'bind' ? at.source : at?.op === 'openRoot' ? at.path : '';
    const report = { kind: 'failed', step: waiting, syscall, errno: error.errno, detail } as const;
    const failure = explainFailure(plan, report, config);
    throw new RuntimeError({ ...failure, message: `error during container init: ${failure.message}` });
  }
}
