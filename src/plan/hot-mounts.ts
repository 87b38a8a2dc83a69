// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import type { HostFacts } from '../host/facts.ts';
import { MOUNT_ATTR, MS } from '../kernel/mount.ts';
import type { Mount } from '../oci/config.ts';
import { namespaceFlags } from '../oci/namespaces.ts';
import type { Step } from '../wire/steps.ts';
import { containerPath } from './context.ts';
import { nestedHint } from './explain-mount.ts';
import type { Explanation, Facility, NumberText, StepFailure } from './facility.ts';
import { attributeNames, flagNames } from './flag-names.ts';
import { idMapOf } from './host-trees.ts';
import { bindAttributes, newMountAttributes, superBlockWords } from './mount-attributes.ts';
import { type MountWords, readMountWords, splitFilesystemWord } from './mount-options.ts';
import { mountFlags, targetFlags } from './mount-target.ts';
import { type HostStep, inOrder, type Plan } from './plan.ts';
import { syncAt } from './sync-points.ts';
import type { UserNamespace } from './user-namespace.ts';

/** The container that gets or loses a mount. */
export interface MountedContainer {
  /** pid of its init, in the runtime's pid namespace. */
  readonly pid: number;
  /** CLONE_NEW* flags of the init's namespaces that the runtime is not in. */
  readonly foreign: number;
  readonly facts: HostFacts;
}

/** Steps of the runtime. */
export interface HotMountSteps {
  /** Writes the identity of the mount to the state directory, before the mount is attached. */
  readonly recordMount: { readonly when: 'attachMount'; readonly target: string };
}

/** A plan, and the namespaces of the container's init (CLONE_NEW*) that its process is cloned in. */
export interface HotMountPlan extends Plan {
  readonly joins: number;
}

/**
 * File systems that show the namespaces of the process that makes them. They have no source on the host: their process
 * is cloned in all namespaces of the container, and then has the container's root.
 */
const madeInside: ReadonlySet<string> = new Set([...['devpts', 'mqueue', 'proc', 'ramfs', 'sysfs', 'tmpfs']]);

/** Place of the mount in the document that a plan of one mount has; its parts lead to arguments of the command. */
const origin = '/mounts/0';

/**
 * Compiles the steps that add a mount to a running container. The mount is made with all its options outside of the
 * container's mount namespace, and is then attached by one call: no process of the container sees it without them. With
 * a user namespace the process has a copy of the host's mounts that the user namespace owns: the host's options are
 * locked in it.
 *
 * @throws RuntimeError `config.mount.*`, `config.unsupported`, `host.unsupported`
 */
export function planHotMount(container: MountedContainer, mount: Mount): HotMountPlan {
  const { foreign, facts } = container;
  requireMountSetattr(facts);
  const words = readMountWords(mount, 0);
  const target = containerPath(mount.destination);
  const fstype = words.bind ? undefined : (mount.type ?? '');
  const flags = targetFlags(target, fstype, 0);
  if (words.copyUp) throw unsupportedWord('tmpcopyup', mount);
  if (fstype === 'cgroup' || fstype === 'cgroup2') throw noCgroup(fstype);
  const user = (foreign & namespaceFlags.user) !== 0;
  const inside = fstype !== undefined && madeInside.has(fstype);
  const host: HostStep[] = [];
  const steps: Step[] = user ? [{ op: 'becomeRoot', origin: '' }] : [];
  let slots = 1;
  const root = inside ? undefined : { mounts: slots++, directory: slots++ };
  const tree = slots++;
  const idmap = idMapOf(mount, words, user ? ownMappings : undefined);
  if (words.idmap !== undefined && idmap === undefined) throw unsupportedWord('idmap', mount);
  const recursive = words.tree ? 1 : 0;
  let change = { set: 0, clear: 0, insist: 0 };
  if (fstype !== undefined) {
    // Read-only when it has the mode of its target.
    if (fstype === 'tmpfs' && (words.set & MS.MS_RDONLY) !== 0) {
      change.set = MOUNT_ATTR.MOUNT_ATTR_RDONLY;
    }
    const flagsOfNew = fstype === 'tmpfs' ? words.set & ~MS.MS_RDONLY : words.set;
    steps.push(makeMount(mount, { ...words, set: flagsOfNew }, fstype, tree));
  } else {
    change = bindAttributes(words, facts.kernel);
    const source = mount.source ?? '';
    if (user && facts.euid === 0) {
      // The root of the user namespace may not be able to traverse the host path.
      const map = idmap === undefined ? {} : { idmap };
      host.push({
        op: 'cloneTree',
        when: 'hostTrees',
        origin,
        path: source,
        recursive: words.tree,
        slot: tree,
        ...map,
      });
      steps.push(syncAt('hostTrees', origin, { into: tree, count: 1 }));
    } else {
      steps.push({ op: 'cloneTree', origin, source, inRoot: 0, recursive, slot: tree });
      if (idmap !== undefined) {
        host.push({ op: 'mapTree', when: 'mapTree', idmap, origin });
        steps.push(syncAt('mapTree', origin, { slot: tree, into: tree, count: 1 }));
      }
    }
  }
  steps.push(...beforeAttaching(words, fstype === undefined, tree));
  if (root !== undefined) {
    // Until here the process has the host's root. It is not in the container's pid namespace.
    const kind = namespaceFlags.mount;
    const proc = `/proc/${container.pid}`;
    const { mounts, directory } = root;
    host.push({
      op: 'openNamespace',
      when: 'before',
      path: `${proc}/ns/mnt`,
      kind,
      slot: mounts,
      origin: '',
    });
    host.push({ op: 'openDirectory', when: 'before', path: `${proc}/root`, slot: directory, origin: '' });
    steps.push({ op: 'joinNamespace', origin: '', slot: mounts, kind });
    steps.push({ op: 'changeRoot', origin: '', slot: directory });
  }
  const inherits = fstype === 'tmpfs' && !words.filesystem.some(({ word }) => /(^|,)mode=/.test(word));
  steps.push({
    op: 'attachMount',
    origin,
    source: mount.source ?? '',
    target,
    tree,
    attributesSet: change.set,
    attributesClear: change.clear,
    attributesInsist: change.insist,
    flags: flags | (inherits ? mountFlags.inheritMode : 0),
  });
  host.push({ op: 'recordMount', when: 'attachMount', target, origin });
  steps.push({ op: 'ready', origin: '' });
  return {
    host: inOrder(host),
    spawn: { cloneFlags: user && !inside ? namespaceFlags.mount : 0, preserveFds: 0 },
    container: steps,
    warnings: [],
    joins: inside ? foreign & ~namespaceFlags.time : foreign & namespaceFlags.user,
  };
}

/**
 * Compiles the steps that remove a mount from a running container.
 *
 * @param identity - of the mount, as it was reported when it was attached
 */
export function planUnmount(container: MountedContainer, target: string, identity: string): HotMountPlan {
  const { foreign } = container;
  const slot = 1;
  const user = (foreign & namespaceFlags.user) !== 0;
  return {
    host: [{ op: 'openDirectory', when: 'before', path: '/proc', slot, origin: '' }],
    spawn: { cloneFlags: 0, preserveFds: 0 },
    container: [
      ...(user ? [{ op: 'becomeRoot', origin: '' } as const] : []),
      { op: 'detachMount', origin: '', target, identity, procfs: slot },
      { op: 'ready', origin: '' },
    ],
    warnings: [],
    joins: foreign & (namespaceFlags.user | namespaceFlags.mount),
  };
}

/** The mappings are read from the init's user namespace. */
const ownMappings: UserNamespace = { origin: '', uids: [], gids: [] };

function makeMount(mount: Mount, words: MountWords, fstype: string, slot: number): Step {
  const options: string[] = [];
  const places: number[] = [];
  const add = (option: string, position: number): void => {
    options.push(option);
    places.push(position);
  };
  for (const { word, position } of words.filesystem) {
    for (const option of splitFilesystemWord(fstype, word)) add(option, position);
  }
  for (const word of superBlockWords(words.set)) add(word, mount.options?.lastIndexOf(word) ?? 0);
  const attributes = newMountAttributes(words.set);
  return { op: 'makeMount', origin, fstype, source: mount.source ?? '', options, places, attributes, slot };
}

/**
 * A clone is a peer of the host's mount: it becomes private, or what its options name, before the container can mount
 * in it. Recursive attributes too are set before a process of the container sees the mount.
 */
function beforeAttaching({ tree, propagation, recursive }: MountWords, bind: boolean, slot: number): Step[] {
  const none = { op: 'changeMount', slot, attributesSet: 0, attributesClear: 0, propagation: 0 } as const;
  const initial = { flags: MS.MS_PRIVATE | (tree ? MS.MS_REC : 0), origin };
  const asked = bind && propagation.length === 0 ? [initial] : propagation;
  return [
    ...asked.map(({ flags, origin: word }) => ({
      ...none,
      origin: word,
      propagation: flags & ~MS.MS_REC,
      recursive: (flags & MS.MS_REC) === 0 ? 0 : 1,
    })),
    ...recursive.map(({ set, clear, origin: word }) => ({
      ...none,
      origin: word,
      attributesSet: set,
      attributesClear: clear,
      recursive: 1,
    })),
  ];
}

function requireMountSetattr({ kernel: { release, major, minor } }: HostFacts): void {
  if (major > 5 || (major === 5 && minor >= 12)) return;
  throw new RuntimeError({
    code: 'host.unsupported',
    message: `mounts in a running container need Linux 5.12, and this is ${release}`,
    hint: 'write the mount into config.json and create the container again',
  });
}

function noCgroup(fstype: string): RuntimeError {
  return new RuntimeError({
    code: 'config.unsupported',
    pointer: `${origin}/type`,
    value: fstype,
    message: `a file system of type ${fstype} is not supported in a running container`,
    hint: 'write the mount into config.json, or bind a directory of /sys/fs/cgroup',
  });
}

function unsupportedWord(word: string, mount: Mount): RuntimeError {
  const copies = word === 'tmpcopyup';
  return new RuntimeError({
    code: 'config.unsupported',
    pointer: `${origin}/options/${mount.options?.indexOf(word) ?? 0}`,
    value: word,
    message: copies
      ? 'tmpcopyup is not supported in a running container: its processes could change the files meanwhile'
      : `${word} is not supported: the container has no user namespace of its own with mappings`,
    hint: copies ? 'copy the files into the new tmpfs' : 'remove the option',
  });
}

const targetFlagNames: NumberText = value => flagNames(value, mountFlags);

const steps = {
  /**
   * Makes a file system like `mount` (fsopen, fsconfig per option, fsmount), and keeps the detached mount in `slot`.
   */
  makeMount: { fstype: 'text', source: 'text', options: 'texts', attributes: 'number', slot: 'number' },
  /**
   * Sets and clears attributes of the detached mount in slot `tree` like `bind`, reports its identity and waits until
   * it is recorded, then attaches it to `target` in the root. A missing target is created: a directory for a directory,
   * otherwise an empty file. `source` is for messages. Flags: see `mountFlags`.
   */
  attachMount: {
    source: 'text',
    target: 'text',
    tree: 'number',
    attributesSet: 'number',
    attributesClear: 'number',
    attributesInsist: 'number',
    flags: 'number',
  },
  /**
   * umount2(2) with MNT_DETACH on the mount that `target` in the root shows. Fails with ESTALE if its identity is another
   * one. `procfs` is the slot of the /proc of the host.
   */
  detachMount: { target: 'text', identity: 'text', procfs: 'number' },
} as const;

/** Mounts in running containers. */
export const hotMountsFacility: Facility<typeof steps, HotMountSteps> = {
  steps,
  explain: {
    makeMount: ({ fstype, source }, failure) => explainAttempt(`error making ${fstype} of`, source, failure),
    attachMount: ({ source, target, flags }, failure) =>
      explainAttempt(`error mounting ${JSON.stringify(source)} to rootfs at`, target, failure, flags),
    detachMount: ({ target }, failure) => {
      const { report, called } = failure;
      if (report.errno !== errno.ESTALE) {
        return { code: 'container.mount', message: `error unmounting ${JSON.stringify(target)}: ${called}` };
      }
      return {
        code: 'state.mount-changed',
        message: `${JSON.stringify(target)} does not show the mount that was added there`,
        hint: 'the container has removed it or mounted over it; --force removes it from the list alone',
      };
    },
  },
  hints: () => ({
    'makeMount/fsopen': {
      [errno.ENODEV]: 'this kernel has no such file system: /proc/filesystems lists them',
    },
    makeMount: {
      [errno.EINVAL]: 'the file system refuses this option; the message contains its reason',
      [errno.EPERM]: nestedHint,
      [errno.ENOENT]: 'a directory or device in the options does not exist',
    },
    attachMount: {
      [errno.EROFS]:
        'the mount point is missing and cannot be made on a read-only file system: choose an existing path',
      [errno.ENOTDIR]: 'source and target must both be directories or both be files',
      [errno.ENOENT]: 'the source does not exist on the host',
      [errno.ELOOP]: 'a symbolic link in the path to the mount point is dangling or leads to a magic link',
      [errno.EINVAL]:
        'the source is on an unbindable mount, or mounts below it are locked by a user namespace: use rbind',
    },
    detachMount: {
      [errno.ENOENT]: 'the mount point was removed or renamed; --force removes it from the list alone',
    },
  }),
  hostTexts: { recordMount: ({ target }) => `target=${target}` },
  fields: {
    makeMount: { attributes: attributeNames },
    attachMount: {
      attributesSet: attributeNames,
      attributesClear: attributeNames,
      attributesInsist: attributeNames,
      flags: targetFlagNames,
    },
  },
};

/** The executor's own rules have the error number of the call that detected the breach. */
function explainAttempt(
  what: string,
  object: string,
  { report, called }: StepFailure,
  flags: number | bigint = 0,
): Explanation {
  const attempt = `${what} ${JSON.stringify(object)}`;
  const place = JSON.stringify(object);
  let why = called;
  if (report.syscall === 'openat2' && report.errno === errno.EBUSY) {
    why = `${place} leads to "/": mountpoint "/" is on the top of rootfs`;
  } else if (report.syscall === 'fstatfs' && report.errno === errno.EPERM) {
    const notProc = (Number(flags) & mountFlags.sourceIsProc) !== 0;
    why = `${place} cannot be mounted because it is ${notProc ? 'not of type proc' : 'inside /proc'}`;
  }
  return { code: 'container.mount', message: `${attempt}: ${why}` };
}
