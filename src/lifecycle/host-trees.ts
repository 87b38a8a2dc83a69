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
import type { Runtime } from './runtime.ts';

type CloneTree = HostStepOf<'cloneTree'>;

/** The trees are those of the init's mount namespace, which the runtime is not in. */
export const cloneTree: HostOperation<'cloneTree'> = {
  apply(steps, work) {
    const { binding } = work.runtime;
    const { pid } = work.init;
    const opened: number[] = [];
    const open = (path: string): number => {
      const fd = openReadOnly(binding, path);
      opened.push(fd);
      return fd;
    };
    try {
      const request = {
        mountNamespace: open(`/proc/${pid}/ns/mnt`),
        paths: steps.map(({ path }) => path),
        recursive: steps.map(({ recursive }) => recursive),
      };
      const cloned = (error: SystemError): CloneTree | undefined => steps[Number(error.path ?? -1)];
      const trees = named(work, cloned, 'open_tree', () => binding.cloneTrees(request));
      for (const tree of trees) work.at.give('tree', tree);
      // A process for each set of mappings, however many mounts have it.
      const namespaces = new Map<string, number>();
      for (const [index, { idmap, origin }] of steps.entries()) {
        if (idmap === undefined) continue;
        const key = JSON.stringify([idmap.uids, idmap.gids]);
        let namespace = namespaces.get(key);
        if (namespace === undefined) {
          namespace = namespaceOf(work.runtime, idmap, origin, pid);
          opened.push(namespace);
          namespaces.set(key, namespace);
        }
        showOwners(work, { idmap, origin }, trees[index] as number, namespace);
      }
    } finally {
      for (const fd of opened) binding.close(fd);
    }
  },
};

export const mapTree: HostOperation<'mapTree'> = {
  apply([step], work) {
    if (step === undefined) return;
    const { binding } = work.runtime;
    const tree = work.at.take('tree');
    work.at.give('tree', tree);
    const namespace = namespaceOf(work.runtime, step.idmap, step.origin, work.init.pid);
    try {
      showOwners(work, step, tree, namespace);
    } finally {
      binding.close(namespace);
    }
  },
};

/** The user namespace with the mappings of a mount. The receiver closes it. */
function namespaceOf(runtime: Runtime, idmap: IdMap, origin: string, pid: number): number {
  if (idmap.uids !== undefined) return mappedNamespace(runtime, idmap, origin);
  return openReadOnly(runtime.binding, `/proc/${pid}/ns/user`);
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

/** A refusal is told as that of the step in the container which waits for the tree. */
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
