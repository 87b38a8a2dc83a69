// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { cleanPath } from '../host/paths.ts';
import type { IDMapping, Mount } from '../oci/config.ts';
import type { Step } from '../wire/steps.ts';
import { hostPath, type PlanContext } from './context.ts';
import { waitFor } from './moments.ts';
import { type MountWords, readMountWords } from './mount-options.ts';
import { hasNamespace } from './namespaces.ts';
import type { HostStep, HostStepOf } from './plan.ts';
import { type UserNamespace, userNamespace } from './user-namespace.ts';

/** How the owners of a mount's files are shown. */
export interface IdMap {
  /** Absent: those of the container's own user namespace. */
  readonly uids?: readonly IDMapping[];
  readonly gids?: readonly IDMapping[];
  readonly recursive: boolean;
}

/** The trees of mounts that the host clones or maps, by slot. */
export interface HostTrees {
  /** Of both. */
  readonly steps: readonly HostStep[];
  /** Where the init waits for the first of them; none when there are none. */
  readonly wait: readonly Step[];
  /** By the number of the mount before which the init waits for more of them. */
  readonly waits: ReadonlyMap<number, Step>;
  /** 0: the init clones it itself. */
  readonly root: number;
  /** By the number of the mount. Others are cloned by the init. */
  readonly binds: ReadonlyMap<number, number>;
  /** By the number of the mount, of those that the init clones itself and the host maps. */
  readonly mapped: ReadonlyMap<number, number>;
}

/** Without any. */
export const noTrees: HostTrees = {
  steps: [],
  wait: [],
  waits: new Map(),
  root: 0,
  binds: new Map(),
  mapped: new Map(),
};

/** Trees of one message, which carries 253 descriptors: both sides have them open at once, whatever the limit is. */
const treesAtOnce = 200;

/**
 * The root of a user namespace may not enter every directory of the host, and nobody but the host may map owners: so the
 * host clones the root and the sources. It does that in the container's mount namespace, where the options of the host's
 * mounts are locked. Many come in parts, each right before the first mount of it. Sources within the root are the init's, which sees what it has mounted there; without a user
 * namespace all of them, since any path may lead to what an earlier mount has brought.
 */
export function planHostTrees(context: PlanContext): HostTrees {
  const { config } = context;
  if (context.facts.euid !== 0) return treesOfUser(context);
  const user = userNamespace(config);
  const clones: HostStepOf<'cloneTree'>[] = [];
  const clone = (path: string, recursive: boolean, origin: string, idmap?: IdMap): number => {
    const slot = context.takeSlot();
    const map = idmap === undefined ? {} : { idmap };
    clones.push({ op: 'cloneTree', when: 'hostTrees', path, recursive, slot, origin, ...map });
    return slot;
  };
  // A root that is to be moved must lie where it is, and there the init puts it itself.
  const byInit = user === undefined || (context.options.noPivot ?? false);
  const root = byInit ? 0 : clone(hostPath(context, config.root.path), true, '/root/path');
  const binds = new Map<number, number>();
  const inOrder = new Map<number, IdMap>();
  config.mounts?.forEach((mount, index) => {
    if (user === undefined && !mayBeIdMapped(mount)) return;
    const words = readMountWords(mount, index);
    const source = bindSource(context, mount, words);
    if (source === undefined) return;
    const idmap = idMapOf(mount, words, user);
    const own = user === undefined || pathInRoot(context, source) !== undefined;
    if (!own) binds.set(index, clone(source, words.bind && words.tree, `/mounts/${index}`, idmap));
    else if (idmap !== undefined) inOrder.set(index, idmap);
  });
  const mapped = new Map<number, number>();
  const mapping: HostStep[] = [];
  for (const [index, idmap] of inOrder) {
    mapped.set(index, context.takeSlot());
    mapping.push({ op: 'mapTree', when: 'mapTree', idmap, origin: `/mounts/${index}` });
  }
  const [first] = clones;
  if (first === undefined) return { ...noTrees, steps: mapping, mapped };
  const wait = (from: number): Step =>
    waitFor('hostTrees', '/mounts', {
      into: first.slot + from,
      count: Math.min(clones.length - from, treesAtOnce),
    });
  const waits = new Map<number, Step>();
  for (const [index, slot] of binds) {
    const from = slot - first.slot;
    if (from > 0 && from % treesAtOnce === 0) waits.set(index, wait(from));
  }
  return { steps: [...clones, ...mapping], wait: [wait(0)], waits, root, binds, mapped };
}

/**
 * A user of the machine has no more rights to its files than the root of the namespace that the user has made, and could
 * not enter the container's mount namespace: the init clones it all.
 *
 * @throws RuntimeError `config.unsupported` for a mount that is to show other owners
 */
function treesOfUser({ config }: PlanContext): HostTrees {
  config.mounts?.forEach((mount, index) => {
    if (idMapOf(mount, readMountWords(mount, index), userNamespace(config)) === undefined) return;
    throw new RuntimeError({
      code: 'config.unsupported',
      pointer: `/mounts/${index}`,
      message: 'id-mapped mounts are not supported without root: the kernel lets only root show other owners',
      hint: 'remove idmap, ridmap and the mappings of the mount',
      spec: 'config.md#mounts',
    });
  });
  return noTrees;
}

/** What is bound, also where a cgroup mount shows the host's. */
function bindSource(context: PlanContext, mount: Mount, words: MountWords): string | undefined {
  if (words.bind) return mount.source ? hostPath(context, mount.source) : undefined;
  const { layout, mountpoint } = context.facts.cgroup;
  const shown = mount.type === 'cgroup' && !hasNamespace(context.config, 'cgroup') && layout !== 'none';
  return shown ? mountpoint : undefined;
}

/** Mappings without an option count as `idmap`; an option without mappings means those of the container. */
export function idMapOf(
  mount: Mount,
  words: Pick<MountWords, 'idmap'>,
  user: UserNamespace | undefined,
): IdMap | undefined {
  const own = (mount.uidMappings ?? []).length > 0 || (mount.gidMappings ?? []).length > 0;
  if (!own && words.idmap === undefined) return undefined;
  const recursive = words.idmap?.recursive ?? false;
  if (own) return { uids: mount.uidMappings ?? [], gids: mount.gidMappings ?? [], recursive };
  return user === undefined ? undefined : { recursive };
}

/** Where in the container's root a host path lies; undefined when it does not. */
export function pathInRoot(context: PlanContext, path: string): string | undefined {
  const root = hostPath(context, context.config.root.path);
  const clean = cleanPath(path);
  if (clean === root) return '/';
  return clean.startsWith(`${root}/`) ? clean.slice(root.length) : undefined;
}

/** Nearly no mount is: the words of the others need not be sorted. */
export function mayBeIdMapped({ uidMappings, gidMappings, options = [] }: Mount): boolean {
  return (
    uidMappings !== undefined ||
    gidMappings !== undefined ||
    options.includes('idmap') ||
    options.includes('ridmap')
  );
}
