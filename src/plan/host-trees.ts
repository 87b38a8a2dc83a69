// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { cleanPath } from '../host/paths.ts';
import type { IDMapping, Mount } from '../oci/config.ts';
import type { Step } from '../wire/steps.ts';
import { hostPath, type PlanContext } from './context.ts';
import type { Facility, NoSteps } from './facility.ts';
import { mappingWords } from './id-map-text.ts';
import { type MountWords, readMountWords } from './mount-options.ts';
import { hasNamespace } from './namespaces.ts';
import type { HostStep, HostStepOf } from './plan.ts';
import { listText } from './quoted.ts';
import { isRootMount, rootMount, unionOf } from './root-mount.ts';
import { syncAt } from './sync-points.ts';
import { type UserNamespace, userNamespace } from './user-namespace.ts';

/** Id mappings of a mount. */
export interface IdMap {
  /** Absent: the mappings of the container's own user namespace. */
  readonly uids?: readonly IDMapping[];
  readonly gids?: readonly IDMapping[];
  readonly recursive: boolean;
}

/** Steps of the runtime. */
export interface HostTreeSteps {
  /**
   * Clones a mount tree in the container's mount namespace, maps its owners with `idmap`, and sends it to the init for
   * `slot`.
   */
  readonly cloneTree: {
    readonly when: 'hostTrees';
    readonly path: string;
    readonly recursive: boolean;
    readonly idmap?: IdMap;
    readonly slot: number;
  };
  /**
   * Makes an overlay whose lower layers show the container's owners, and sends it to the init for `slot`. `options`
   * are those of `mountRoot`.
   */
  readonly makeUnion: {
    readonly when: 'hostTrees';
    readonly source: string;
    readonly options: readonly string[];
    readonly attributes: number;
    readonly idmap: IdMap;
    readonly slot: number;
  };
  /** Maps the owners of the tree that the init has cloned; the init waits at a step with the same origin. */
  readonly mapTree: { readonly when: 'mapTree'; readonly idmap: IdMap };
}

/** Mount trees that the host clones or maps, by slot. */
export interface HostTrees {
  /** Host steps of both kinds. */
  readonly steps: readonly HostStep[];
  /** Step at which the init waits for the first trees; empty if there are none. */
  readonly wait: readonly Step[];
  /** Steps at which the init waits for more trees, by index of the next mount. */
  readonly waits: ReadonlyMap<number, Step>;
  /** Slot of the root; 0 if the init clones it itself. */
  readonly root: number;
  /** Slots of binds that the host clones, by index of the mount. The init clones the others. */
  readonly binds: ReadonlyMap<number, number>;
  /** Slots of mounts that the init clones and the host maps, by index of the mount. */
  readonly mapped: ReadonlyMap<number, number>;
}

/** No trees. */
export const noTrees: HostTrees = {
  steps: [],
  wait: [],
  waits: new Map(),
  root: 0,
  binds: new Map(),
  mapped: new Map(),
};

/** Trees per message. A message carries at most 253 descriptors, and both sides have them open at once. */
const treesAtOnce = 200;

/**
 * In a user namespace the host clones the root and the sources, because the namespace's root may lack access to their
 * directories and only the host may map owners. It clones them in the container's mount namespace, where the options of
 * the host's mounts are locked. Many trees come in parts, each right before its first mount.
 *
 * The init clones sources below the root, which then include its own mounts. Without a user namespace it clones all
 * sources, because an earlier mount may have brought any of them.
 */
export function planHostTrees(context: PlanContext): HostTrees {
  const { config } = context;
  if (context.facts.euid !== 0) return treesWithoutRoot(context);
  const user = userNamespace(config);
  const clones: (HostStepOf<'cloneTree'> | HostStepOf<'makeUnion'>)[] = [];
  const clone = (path: string, recursive: boolean, origin: string, idmap?: IdMap): number => {
    const slot = context.takeSlot();
    const map = idmap === undefined ? {} : { idmap };
    clones.push({ op: 'cloneTree', when: 'hostTrees', path, recursive, slot, origin, ...map });
    return slot;
  };
  const root = user === undefined ? 0 : rootTree();
  const binds = new Map<number, number>();
  const inOrder = new Map<number, IdMap>();
  config.mounts?.forEach((mount, index) => {
    if (isRootMount(mount, index) || (user === undefined && !mayBeIdMapped(mount))) return;
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
    syncAt('hostTrees', '/mounts', {
      into: first.slot + from,
      count: Math.min(clones.length - from, treesAtOnce),
    });
  const waits = new Map<number, Step>();
  for (const [index, slot] of binds) {
    const from = slot - first.slot;
    if (from > 0 && from % treesAtOnce === 0) waits.set(index, wait(from));
  }
  return { steps: [...clones, ...mapping], wait: [wait(0)], waits, root, binds, mapped };

  function rootTree(): number {
    const layers = rootMount(config);
    // With noPivot the init moves the root in place: it must not be a clone.
    if (layers === undefined) {
      return context.options.noPivot ? 0 : clone(hostPath(context, config.root.path), true, '/root/path');
    }
    // The init checks and warns with the same values: no second warning here.
    const { source, options, attributes, lower } = unionOf({ ...context, warn: () => {} }, layers);
    const idmap: IdMap = { recursive: false };
    if (lower !== '') return clone(lower, false, '/mounts/0', idmap);
    requireDetachedLayers(context.facts);
    const slot = context.takeSlot();
    const union = { source, options, attributes, idmap };
    clones.push({ op: 'makeUnion', when: 'hostTrees', ...union, slot, origin: '/mounts/0' });
    return slot;
  }
}

/** @throws RuntimeError `host.unsupported` before Linux 6.15, where a layer has to be attached somewhere */
function requireDetachedLayers({ kernel: { release, major, minor } }: PlanContext['facts']): void {
  if (major > 6 || (major === 6 && minor >= 15)) return;
  throw new RuntimeError({
    code: 'host.unsupported',
    pointer: '/mounts/0',
    message: `layers with the owners of a user namespace need Linux 6.15, and this is ${release}`,
    hint: 'use one layer without upperdir, or mount the overlay yourself and name it in root.path',
  });
}

/**
 * For a runtime without root the init clones everything: the user has no more rights to files than the root of the
 * user's namespace, and could not enter the container's mount namespace.
 *
 * @throws RuntimeError `config.unsupported` for an id-mapped mount
 */
function treesWithoutRoot({ config }: PlanContext): HostTrees {
  config.mounts?.forEach((mount, index) => {
    if (isRootMount(mount, index)) return;
    if (idMapOf(mount, readMountWords(mount, index), userNamespace(config)) === undefined) return;
    throw new RuntimeError({
      code: 'config.unsupported',
      pointer: `/mounts/${index}`,
      message: 'id-mapped mounts are not supported without root: the kernel allows them only to root',
      hint: 'remove idmap, ridmap and the mappings of the mount',
      spec: 'config.md#mounts',
    });
  });
  return noTrees;
}

/** Returns the source of a bind, or of a cgroup mount that shows the host's. */
function bindSource(context: PlanContext, mount: Mount, words: MountWords): string | undefined {
  if (words.bind) return mount.source ? hostPath(context, mount.source) : undefined;
  const { layout, mountpoint } = context.facts.cgroup;
  const shown = mount.type === 'cgroup' && !hasNamespace(context.config, 'cgroup') && layout !== 'none';
  return shown ? mountpoint : undefined;
}

/** Mappings without an option count as `idmap`; an option without mappings uses those of the container. */
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

/** Path of a host path within the container's root; undefined if it is elsewhere. */
export function pathInRoot(context: PlanContext, path: string): string | undefined {
  const root = hostPath(context, context.config.root.path);
  const clean = cleanPath(path);
  if (clean === root) return '/';
  return clean.startsWith(`${root}/`) ? clean.slice(root.length) : undefined;
}

/** Fast check: the words of other mounts need not be sorted. */
export function mayBeIdMapped({ uidMappings, gidMappings, options = [] }: Mount): boolean {
  return (
    uidMappings !== undefined ||
    gidMappings !== undefined ||
    options.includes('idmap') ||
    options.includes('ridmap')
  );
}

function idMapWords({ uids, gids = [], recursive }: IdMap): string {
  const name = recursive ? 'ridmap' : 'idmap';
  if (uids === undefined) return `${name}=container`;
  return `${name}=[${mappingWords(uids)}] gids=[${mappingWords(gids)}]`;
}

/** Mount trees that the host clones or maps. */
export const hostTreesFacility: Facility<NoSteps, HostTreeSteps> = {
  steps: {},
  hostTexts: {
    cloneTree: ({ path, recursive, slot, idmap }) =>
      [`path=${path}`, recursive && 'recursive', `slot=${slot}`, idmap && idMapWords(idmap)]
        .filter(Boolean)
        .join(' '),
    makeUnion: ({ options, slot, idmap }) => `options=${listText(options)} slot=${slot} ${idMapWords(idmap)}`,
    mapTree: ({ idmap }) => idMapWords(idmap),
  },
};
