// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { isSystemError } from '../errors/system.ts';
import type { SystemError } from '../host/binding.d.ts';
import { openReadOnly } from '../host/files.ts';
import type { Config } from '../oci/config.ts';
import { explainFailure } from '../plan/explain.ts';
import type { IdMap } from '../plan/host-trees.ts';
import type { HostStep, Plan } from '../plan/plan.ts';
import { mappedNamespace } from './id-maps.ts';
import { initError, type Waiting } from './rendezvous.ts';
import type { Runtime } from './runtime.ts';

type CloneTree = Extract<HostStep, { op: 'cloneTree' }>;
type MapTree = Extract<HostStep, { op: 'mapTree' }>;

interface Subject {
  readonly plan: Plan;
  readonly config: Config;
}

/**
 * Clones the trees of the plan in the mount namespace of the init, which the runtime is not in, and shows their owners
 * as they are to be shown. The receiver closes them.
 */
export function cloneHostTrees(runtime: Runtime, subject: Subject, pid: number): readonly number[] {
  const { binding } = runtime;
  const steps = subject.plan.host.filter((step): step is CloneTree => step.op === 'cloneTree');
  const opened: number[] = [];
  const open = (path: string): number => {
    const fd = openReadOnly(binding, path);
    opened.push(fd);
    return fd;
  };
  let trees: readonly number[] = [];
  try {
    const request = {
      mountNamespace: open(`/proc/${pid}/ns/mnt`),
      paths: steps.map(({ path }) => path),
      recursive: steps.map(({ recursive }) => recursive),
    };
    const cloned = (error: SystemError): CloneTree | undefined => steps[Number(error.path ?? -1)];
    trees = named(subject, cloned, 'open_tree', () => binding.cloneTrees(request));
    // A process for each set of mappings, however many mounts have it.
    const namespaces = new Map<string, number>();
    for (const [index, { idmap, origin }] of steps.entries()) {
      if (idmap === undefined) continue;
      const key = JSON.stringify([idmap.uids, idmap.gids]);
      let namespace = namespaces.get(key);
      if (namespace === undefined) {
        namespace = namespaceOf(runtime, idmap, origin, pid);
        opened.push(namespace);
        namespaces.set(key, namespace);
      }
      showOwners(runtime, subject, { idmap, origin }, trees[index] as number, namespace);
    }
    return trees;
  } catch (error) {
    for (const tree of trees) binding.close(tree);
    throw error;
  } finally {
    for (const fd of opened) binding.close(fd);
  }
}

/** Shows the owners of a tree that the init has cloned, and gives it back. */
export function mapTree(
  runtime: Runtime,
  subject: Subject,
  { pid, fd: tree, origin }: Waiting,
): readonly number[] {
  const { binding } = runtime;
  const step = subject.plan.host.find(
    (step): step is MapTree => step.op === 'mapTree' && step.origin === origin,
  );
  if (step === undefined || tree === undefined) {
    throw new RuntimeError({ code: 'internal', message: `no tree to be mapped at ${origin}` });
  }
  try {
    const namespace = namespaceOf(runtime, step.idmap, origin, pid);
    try {
      showOwners(runtime, subject, step, tree, namespace);
    } finally {
      binding.close(namespace);
    }
    return [tree];
  } catch (error) {
    binding.close(tree);
    throw error;
  }
}

/** The user namespace with the mappings of a mount. The receiver closes it. */
function namespaceOf(runtime: Runtime, idmap: IdMap, origin: string, pid: number): number {
  if (idmap.uids !== undefined) return mappedNamespace(runtime, idmap, origin);
  return openReadOnly(runtime.binding, `/proc/${pid}/ns/user`);
}

function showOwners(
  { binding }: Runtime,
  subject: Subject,
  { idmap, origin }: { readonly idmap: IdMap; readonly origin: string },
  tree: number,
  namespace: number,
): void {
  named(
    subject,
    () => ({ origin }),
    'mount_setattr(MOUNT_ATTR_IDMAP)',
    () => binding.mapMount(tree, namespace, idmap.recursive),
  );
}

/** A refusal is told as that of the step in the container which waits for the tree. */
function named<T>(
  { plan, config }: Subject,
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
    throw initError(explainFailure(plan, report, config));
  }
}
