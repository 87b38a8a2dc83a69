// SPDX-License-Identifier: Apache-2.0
import { isSystemError, onHost } from '../errors/system.ts';
import type { SystemError } from '../host/binding.d.ts';
import { openFlags } from '../host/files.ts';
import type { Config } from '../oci/config.ts';
import { explainFailure } from '../plan/explain.ts';
import type { HostStep, Plan } from '../plan/plan.ts';
import { mappedNamespace } from './id-maps.ts';
import type { Runtime } from './runtime.ts';
import { initError } from './spawn.ts';

type CloneTree = Extract<HostStep, { op: 'cloneTree' }>;

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
    const fd = onHost(`unable to open ${path}`, () =>
      binding.open(path, openFlags.readOnly | openFlags.closeOnExec, 0),
    );
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
    trees = named(
      subject,
      steps,
      error => Number(error.path ?? -1),
      'open_tree',
      () => binding.cloneTrees(request),
    );
    // A process for each set of mappings, however many mounts have it.
    const namespaces = new Map<string, number>();
    for (const [index, { idmap, origin }] of steps.entries()) {
      if (idmap === undefined) continue;
      const key = JSON.stringify([idmap.uids, idmap.gids]);
      let namespace = namespaces.get(key);
      if (namespace === undefined) {
        namespace =
          idmap.uids === undefined ? open(`/proc/${pid}/ns/user`) : mappedNamespace(runtime, idmap, origin);
        if (idmap.uids !== undefined) opened.push(namespace);
        namespaces.set(key, namespace);
      }
      const map = namespace;
      named(
        subject,
        steps,
        () => index,
        'mount_setattr(MOUNT_ATTR_IDMAP)',
        () => binding.mapMount(trees[index] as number, map, idmap.recursive),
      );
    }
    return trees;
  } catch (error) {
    for (const tree of trees) binding.close(tree);
    throw error;
  } finally {
    for (const fd of opened) binding.close(fd);
  }
}

/** A refusal is told as that of the step in the container which waits for the tree. */
function named<T>(
  { plan, config }: Subject,
  steps: readonly CloneTree[],
  indexOf: (error: SystemError) => number,
  syscall: string,
  work: () => T,
): T {
  try {
    return work();
  } catch (error) {
    const tree = isSystemError(error) ? steps[indexOf(error)] : undefined;
    if (!isSystemError(error) || tree === undefined) throw error;
    const waiting = plan.container.findIndex(step => 'tree' in step && step.tree === tree.slot);
    const report = { kind: 'failed', step: waiting, syscall, errno: error.errno, detail: tree.path } as const;
    throw initError(explainFailure(plan, report, config));
  }
}
