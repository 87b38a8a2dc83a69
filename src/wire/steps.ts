// SPDX-License-Identifier: Apache-2.0

/**
 * The step vocabulary: all that the executor can do inside a container, and what each step means.
 * The twin of native/wire/steps.h; a test holds the two tables against each other.
 *
 * A step is an operation and its fields, in the order given here. What depends on what is found inside the
 * container (is this target a file or a directory, does this masked path exist) is part of a step's meaning.
 *
 * Field kinds on the wire: `number` is an unsigned and `signed` a signed 64-bit number, `text` a UTF-8 string
 * without NUL, `texts` a list of them, `numbers` a list of unsigned 64-bit numbers.
 *
 * Paths called "in the root" are resolved with openat2(RESOLVE_IN_ROOT) against the container's root, before and
 * after the pivot alike; no symbolic link leads out of it. A "slot" is a numbered descriptor: slot 0 is the mount
 * that the newest mount step made, slots from 1 are handed over at the spawn, then those a plan keeps mounts in.
 */
export const vocabulary = {
  /** Signals in the mask (bit N-1 for signal N) go back to their default action. */
  resetSignals: { mask: 'number' },
  /** setns(2) to the namespace in `slot`, of the kind CLONE_NEW*. Closes the slot. */
  joinNamespace: { slot: 'number', kind: 'number' },
  /**
   * The pid namespace in `slot` is that of the container, and the init is outside of it until enterPidNamespace: a procfs
   * that is mounted before shows its processes.
   */
  keepPidNamespace: { slot: 'number' },
  /**
   * Continues as a child of the runtime in the pid namespace that is kept, which the runtime is told the pid of (a `born`
   * report). Nothing of this process is left, and the child has nothing of the host: the root is entered.
   */
  enterPidNamespace: {},
  /**
   * In a user namespace that has its mappings: uid and gid 0 of it where they are mapped, no supplementary groups where
   * that is allowed, and all capabilities in it. The init stays as hidden, and as mortal with its runtime, as before.
   */
  becomeRoot: {},
  /**
   * The files of this process in /proc belong to its user, until becomeRoot: who is not root writes the mappings of the
   * user namespace there.
   */
  showToUser: {},
  /** unshare(2). */
  unshare: { flags: 'number' },
  /**
   * unshare(2) of a time namespace, `offsets` into timens_offsets(5) (none when empty), and setns(2) to it: unshare alone
   * means children only, and the offsets can be written as long as nobody is in it.
   */
  enterTimeNamespace: { offsets: 'text' },
  /** mount(2) of propagation `flags` (MS_SLAVE|MS_REC, ...) on the root of the mount namespace. */
  setPropagation: { flags: 'number' },
  /**
   * mount(2) of propagation `flags` on the one mount that the host path `path` lies in: the nearest mount point from
   * the path upwards.
   */
  setMountPropagation: { path: 'text', flags: 'number' },
  /**
   * Clones the tree of mounts at `path` (a host path, which must be a real directory and not a symbolic link) and
   * puts it over itself, so that it is a mount that can be pivoted to. It is the root of all later steps.
   * A `tree` that is not 0 is the slot of the clone, which the host has made; that is put over `/`, and must let us in.
   * The clone first gets the propagation (MS_PRIVATE, or with MS_REC all of its mounts; 0: none).
   */
  openRoot: { path: 'text', tree: 'number', propagation: 'number' },
  /**
   * Makes a file system of type `fstype` (fsopen, fsconfig per option, fsmount) and puts it on `target` in the root.
   * A missing target is made as a directory (0755). `options` are `key` or `key=value`; `attributes` are
   * MOUNT_ATTR_*. Flags: see `mountFlags`.
   */
  mount: {
    fstype: 'text',
    source: 'text',
    target: 'text',
    options: 'texts',
    attributes: 'number',
    flags: 'number',
  },
  /**
   * Clones the mount (or with `recursive` the tree) at the host path `source`, sets and clears MOUNT_ATTR_* on its top,
   * and puts it on `target` in the root. A missing target is made: a directory for a directory, else an empty file.
   * Where the kernel refuses to clear attributes that are locked, those of `attributesClear` that are not in
   * `attributesInsist` stay. A `tree` that is not 0 is the slot of the clone, which the host has made. With `inRoot`
   * the source is a path in the root.
   */
  bind: {
    source: 'text',
    tree: 'number',
    inRoot: 'number',
    target: 'text',
    recursive: 'number',
    attributesSet: 'number',
    attributesClear: 'number',
    attributesInsist: 'number',
    flags: 'number',
  },
  /** Clones the mount at `source` as `bind` would, and keeps the clone in `slot`, to be handed over by `rendezvous`. */
  cloneTree: { source: 'text', inRoot: 'number', recursive: 'number', slot: 'number' },
  /**
   * Mounts cgroup2 on `target` in the root. Where the kernel refuses (EPERM, EBUSY) the host directory `fallback` is
   * bound there instead, recursively.
   */
  mountCgroup: { target: 'text', fallback: 'text', options: 'texts', attributes: 'number', flags: 'number' },
  /** Keeps the newest mount (slot 0) in `slot`, so that a later step can change it. */
  keepMount: { slot: 'number' },
  /**
   * mount_setattr(2) on the mount in `slot`: MOUNT_ATTR_* to set and to clear, and a propagation (MS_PRIVATE, MS_SLAVE,
   * MS_SHARED, MS_UNBINDABLE, or 0), on the whole tree with `recursive`.
   */
  changeMount: {
    slot: 'number',
    attributesSet: 'number',
    attributesClear: 'number',
    propagation: 'number',
    recursive: 'number',
  },
  /** The SELinux context of the root of the newest mount, for file systems that take none when they are made. */
  labelMount: { label: 'text' },
  /**
   * mknodat(2) at `path` in the root with `mode` (file type and permissions), then the owner. Missing parents are made.
   * A node that is there already is right when type and numbers agree, else EEXIST; its mode and owner stay what they
   * are, as with runc and crun: it may be the host's own. A mount at `path` stays, whatever it shows.
   * Where the kernel refuses to make nodes (EPERM) the host's node of the same path is bound there.
   */
  makeDevice: {
    path: 'text',
    mode: 'number',
    major: 'number',
    minor: 'number',
    uid: 'number',
    gid: 'number',
  },
  /**
   * Binds the host's node at `path`, which must be of the type in `mode` and have these numbers, over the file at `path`
   * in the root, which is made when it is missing: where a user namespace makes no nodes. A mount at `path` stays.
   */
  bindDevice: { path: 'text', mode: 'number', major: 'number', minor: 'number' },
  /** symlinkat(2) at `path` in the root. A path that exists already is left alone. */
  makeSymlink: { path: 'text', target: 'text' },
  /**
   * As makeSymlink, but a file (not a directory) that is there already is removed first, unless it is the character device
   * 5:2 on another mount than the root's. A mount at `path` stays.
   */
  replaceSymlink: { path: 'text', target: 'text' },
  /** As makeSymlink, but only where `needs` exists (a host path seen before the pivot). */
  makeSymlinkIf: { path: 'text', target: 'text', needs: 'text' },
  /** pivot_root(2) to the root and away with the old one. */
  pivotRoot: {},
  /** For a root that cannot be pivoted: moves it over `/` (MS_MOVE) and chroot(2)s there, after unmounting /proc and /sys of the host. */
  moveRoot: {},
  /**
   * chroot(2) into the root, or with a `slot` above 0 into the directory there, which is the root from then on: for a
   * container that shares its mount namespace.
   */
  changeRoot: { slot: 'number' },
  /** mount(2) of propagation `flags` on `/`, after the pivot. */
  setRootPropagation: { flags: 'number' },
  /** The root mount becomes read-only (its top only). */
  sealRoot: {},
  /** mkdir -p in the root. */
  makeDirectory: { path: 'text', mode: 'number' },
  /** The loopback interface `lo` of the network namespace goes up. */
  raiseLoopback: {},
  setHostname: { name: 'text' },
  setDomainname: { name: 'text' },
  /** Writes `value` to `path` below proc/sys of a fresh procfs that nothing in the container can reach or replace. */
  setSysctl: { path: 'text', value: 'text' },
  /**
   * The path in the root becomes a read-only mount of itself, or the root mount read-only where a symbolic link leads to
   * the root. A path that is not there is left out.
   */
  readonlyPath: { path: 'text' },
  /**
   * A file is covered by a null device, a directory by an empty read-only one. A path that is not there is left out, one
   * that leads to the root refused with EBUSY.
   */
  maskPath: { path: 'text' },
  /** Clones the host's /dev/null for the masks of a container that has no null device there. Before the pivot. */
  keepNullDevice: {},
  /** A new session keyring of this name, searchable by the container's user. Kernels without keyrings are left alone. */
  joinSessionKeyring: { name: 'text' },
  /**
   * Writes `value` to the first of the files `names` below /proc/self/attr that is there, through a procfs of the
   * executor's own.
   */
  setSecurityAttribute: { names: 'texts', value: 'text' },
  setNoNewPrivileges: {},
  /** setrlimit(2); the largest number means no limit. */
  setRlimit: { resource: 'number', soft: 'number', hard: 'number' },
  /**
   * sched_setaffinity(2) to the CPUs whose bits are set in the words `cpus`. No words: to every CPU that the cgroup
   * allows, now or later; what a machine has against that is passed over.
   */
  setAffinity: { cpus: 'numbers' },
  /** sched_setattr(2): SCHED_*, SCHED_FLAG_*; the last three in nanoseconds. */
  setScheduler: {
    policy: 'number',
    flags: 'number',
    nice: 'signed',
    priority: 'number',
    runtime: 'number',
    deadline: 'number',
    period: 'number',
  },
  /** ioprio_set(2) of the process: IOPRIO_CLASS_*, and 0 (highest) to 7. */
  setIoPriority: { ioClass: 'number', priority: 'number' },
  /** personality(2). */
  setPersonality: { persona: 'number' },
  /** set_mempolicy(2): MPOL_* with MPOL_F_*, and the words of the node mask. */
  setMemoryPolicy: { mode: 'number', nodes: 'numbers' },
  /** Pipes, sockets and terminals among the descriptors 0, 1 and 2 are given to this user. */
  ownStdio: { uid: 'number' },
  /**
   * Makes a terminal in the devpts whose ptmx is `path` in the root (ENODEV when it is none), and keeps the master in
   * `slot`, to be handed over by `rendezvous`. The slave, reached through the master and no path, belongs to `uid`,
   * has `height` rows and `width` columns (unless one is 0), and is mounted over `console` in the root, a file that is
   * made when missing (no console when empty).
   */
  openTerminal: {
    path: 'text',
    console: 'text',
    slot: 'number',
    height: 'number',
    width: 'number',
    uid: 'number',
  },
  /** The slave of openTerminal becomes the controlling terminal of the session and the descriptors 0, 1 and 2. */
  useTerminal: {},
  /** Drops from the bounding set every capability that is not in `keep`. */
  limitBoundingSet: { keep: 'number' },
  /**
   * setgroups (unless `keepGroups`; none are left also where the user namespace lets nobody change them), setresgid, setresuid. Permitted capabilities survive until setCapabilities.
   */
  setUser: { uid: 'number', gid: 'number', groups: 'numbers', keepGroups: 'number' },
  /** capset(2): the sets as bit masks. */
  setCapabilities: { effective: 'number', permitted: 'number', inheritable: 'number' },
  /** Clears the ambient set and raises each of `mask`. */
  setAmbientSet: { mask: 'number' },
  /** Reads the home directory of `uid` from /etc/passwd in the root; `execute` adds it as HOME (`/` when there is none). */
  findHome: { uid: 'number' },
  /**
   * chdir(2), then refuses with EXDEV unless the directory is inside the root. With `mayFail` EACCES and EPERM are passed
   * over, to be tried again later; a later one does nothing when an earlier one succeeded.
   */
  changeDirectory: { path: 'text', mayFail: 'number' },
  /** umask(2); with `callersUmask` back to the one the runtime was called with. */
  setUmask: { mask: 'number' },
  /**
   * Finds the program: a name with a slash as it is, another in the directories `search` in turn. What is found must be
   * a file that may be executed. `execute` runs it.
   */
  findProgram: { name: 'text', search: 'texts' },
  /**
   * Tells the runtime that `moment` has come, and waits until it has done its part: work that only the host can do, at a
   * place in the order of the container. The descriptor in `slot` (0: none) is handed over with it and closed here;
   * `count` descriptors come with the word to go on, and fill the slots from `into` on.
   */
  rendezvous: { moment: 'text', slot: 'number', into: 'number', count: 'number' },
  /**
   * Runs the program `path` to its end: argv is `args`, its environment `env` (with `home` what `findHome` found too),
   * its standard input the two texts of `input` with its init's pid (as it sees that itself) between them. After `timeout`
   * seconds (0: none) it is killed. Its working directory is the root, after `ready` that of the process. Fails when it
   * does not end with status 0: the call is then `exit`, `signal` or `timeout` and the error number what it ended with
   * (or the seconds), the detail what it wrote last.
   */
  runHook: { path: 'text', args: 'texts', env: 'texts', home: 'number', timeout: 'number', input: 'texts' },
  /**
   * Tells the runtime that all is prepared and waits for its word; the init dies with the runtime until then. Of its
   * descriptors only those handed over stay open. A failure after this is reported to the runtime too, unless a step
   * `awaitStart` says otherwise; the exec is seen as the end of the channel.
   */
  ready: {},
  /**
   * Waits until the FIFO in slot `fifo`, which is full, has been emptied, and writes a report into it; what is reported
   * from here on goes there too. The exec is seen as its end of file.
   */
  awaitStart: { fifo: 'number' },
  /**
   * seccomp(2) SECCOMP_SET_MODE_FILTER. `program` is classic BPF, each number one struct sock_filter as it lies in little
   * endian memory; `flags` are SECCOMP_FILTER_FLAG_*. With NEW_LISTENER among them the runtime is told the number of the
   * descriptor first (a `waiting` report), takes it from the init, and has given it to the listener when the init goes on.
   */
  loadSeccomp: { program: 'numbers', flags: 'number' },
  /** execve(2) of the program found. Only descriptors 0 to 2 and the preserved ones stay open. */
  execute: { args: 'texts', env: 'texts' },
} as const;

/** Bits of the `flags` field of mount, bind and mountCgroup. */
export const mountFlags = {
  /** The target must be reached without symbolic links and be a directory (proc, sysfs). */
  ordinaryDirectory: 1,
  /** The target may lie inside a procfs. */
  insideProc: 2,
  /** A target that was there already lends the new tmpfs its mode, unless the options set one. */
  inheritMode: 4,
  /** What is in the target is copied into the new tmpfs. */
  copyUp: 8,
  /** The target is /proc itself: the bound source must be the root of a procfs. */
  sourceIsProc: 16,
} as const;

/** `mask` of setUmask: what the runtime was called with. */
export const callersUmask = 0o10000;

type FieldKind = 'number' | 'signed' | 'text' | 'texts' | 'numbers';
type FieldValue<Kind extends FieldKind> = Kind extends 'number' | 'signed'
  ? number | bigint
  : Kind extends 'text'
    ? string
    : Kind extends 'texts'
      ? readonly string[]
      : readonly (number | bigint)[] | BigUint64Array;

export type Operation = keyof typeof vocabulary;

/** The fields of one operation. */
export type StepFields<Op extends Operation> = {
  readonly [Field in keyof (typeof vocabulary)[Op]]: (typeof vocabulary)[Op][Field] extends FieldKind
    ? FieldValue<(typeof vocabulary)[Op][Field]>
    : never;
};

/** One step of the container part, with the place in config.json that asked for it (`''` for the document itself). */
export type Step = {
  readonly [Op in Operation]: { readonly op: Op; readonly origin: string } & StepFields<Op>;
}[Operation];
