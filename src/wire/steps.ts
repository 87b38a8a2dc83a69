// SPDX-License-Identifier: Apache-2.0

/**
 * The vocabulary of steps: all operations of the executor inside a container, and their meaning. native/wire/steps.h
 * has the same table; a test compares the two.
 *
 * A step is an operation and its fields, in the order given here. Decisions that depend on the files in the container
 * (is this target a file or a directory, does this masked path exist) are part of a step's meaning.
 *
 * Kinds of fields: `number` is an unsigned and `signed` a signed 64-bit number, `text` a UTF-8 string without NUL,
 * `texts` a list of them, `numbers` a list of unsigned 64-bit numbers.
 *
 * Paths "in the root" are resolved with openat2(RESOLVE_IN_ROOT) against the container's root, before and after the
 * pivot; no symbolic link leads out of it. A "slot" is a numbered descriptor: slot 0 is the mount of the newest mount
 * step; the slots from 1 contain the descriptors passed at spawn, followed by those in which the plan keeps mounts.
 */
export const vocabulary = {
  /** Resets the signals in the mask (bit N-1 for signal N) to their default action. */
  resetSignals: { mask: 'number' },
  /** setns(2) to the namespace in `slot`, of the kind CLONE_NEW*. Closes the slot. */
  joinNamespace: { slot: 'number', kind: 'number' },
  /**
   * The container uses the pid namespace in `slot`, but the init stays outside of it until enterPidNamespace. A
   * procfs that is mounted before that shows the processes of this namespace.
   */
  keepPidNamespace: { slot: 'number' },
  /**
   * Continues as a child of the runtime in the kept pid namespace. The runtime gets the child's pid in a `cloned`
   * report. This process exits, and the child has no descriptors of the host, because the root has been entered.
   */
  enterPidNamespace: {},
  /**
   * In a user namespace with mappings: sets uid and gid to 0 if they are mapped, clears the supplementary groups if
   * that is allowed, and gains all capabilities in it. The init stays undumpable, and its parent-death signal stays
   * set.
   */
  becomeRoot: {},
  /**
   * Makes the /proc files of this process owned by its user until becomeRoot: a non-root runtime writes the mappings
   * of the user namespace there.
   */
  showToUser: {},
  /** unshare(2). */
  unshare: { flags: 'number' },
  /**
   * unshare(2) of a time namespace, writes `offsets` to timens_offsets(5) (nothing if empty), then setns(2): unshare
   * alone affects only children, and the offsets can be written only while no process is in the namespace.
   */
  enterTimeNamespace: { offsets: 'text' },
  /** mount(2) with propagation `flags` (MS_SLAVE|MS_REC, ...) on the root of the mount namespace. */
  setPropagation: { flags: 'number' },
  /**
   * mount(2) with propagation `flags` on the one mount that contains the host path `path`: the nearest mount point at
   * or above it.
   */
  setMountPropagation: { path: 'text', flags: 'number' },
  /**
   * Clones the mount tree at the host path `path`, which must be a directory and not a symbolic link, and mounts it
   * over itself, which makes it a valid target of pivot_root. All later steps use it as the root. A nonzero `tree` is
   * the slot of a clone that the host has made; it is mounted over `/` and must be accessible to the init. First the
   * clone gets the propagation (MS_PRIVATE; with MS_REC for all of its mounts; 0: unchanged).
   */
  openRoot: { path: 'text', tree: 'number', propagation: 'number' },
  /**
   * In place of openRoot, for a root that is a union of layers: creates an overlay (fsopen, fsconfig per option,
   * fsmount) and mounts it over the host directory `path`. `options` are `key` or `key=value`; the values of
   * `lowerdir+`, `datadir+`, `upperdir` and `workdir` are absolute host paths without escapes. A nonempty `lower` is
   * the only layer and there are no options: its mount is cloned and becomes read-only. A nonzero `tree` is the slot of
   * a mount that the host has made; it must be accessible to the init. `attributes` are MOUNT_ATTR_*; `propagation`
   * is that of openRoot. With `oneCall`, mount(2) makes the overlay: Linux before 6.8 has no `lowerdir+`. The layers
   * are then named by the numbers of descriptors, because their paths would not fit into its page.
   */
  mountRoot: {
    path: 'text',
    tree: 'number',
    source: 'text',
    lower: 'text',
    options: 'texts',
    attributes: 'number',
    propagation: 'number',
    oneCall: 'number',
  },
  /**
   * Creates a file system of type `fstype` (fsopen, fsconfig per option, fsmount) and mounts it on `target` in the
   * root. A missing target is created as a directory (0755). `options` are `key` or `key=value`; `attributes` are
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
   * Clones the mount (with `recursive` the tree) at the host path `source`, sets and clears MOUNT_ATTR_* on its top
   * mount, and mounts it on `target` in the root. A missing target is created: a directory for a directory, otherwise
   * an empty file. If the kernel refuses to clear locked attributes, those of `attributesClear` that are not in
   * `attributesInsist` remain set. A nonzero `tree` is the slot of a clone that the host has made. With `inRoot`, the
   * source is a path in the root.
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
  /**
   * Clones the mount at `source` like `bind`, and keeps the clone in `slot`, from which `sync` sends it to the
   * host.
   */
  cloneTree: { source: 'text', inRoot: 'number', recursive: 'number', slot: 'number' },
  /**
   * Mounts cgroup2 on `target` in the root. If the kernel refuses (EPERM, EBUSY), bind-mounts the host directory
   * `fallback` there recursively.
   */
  mountCgroup: { target: 'text', fallback: 'text', options: 'texts', attributes: 'number', flags: 'number' },
  /** Keeps the newest mount (slot 0) in `slot` for a later step. */
  keepMount: { slot: 'number' },
  /**
   * mount_setattr(2) on the mount in `slot`, with `recursive` on its whole tree: MOUNT_ATTR_* to set and to clear,
   * and a propagation (MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE, or 0).
   */
  changeMount: {
    slot: 'number',
    attributesSet: 'number',
    attributesClear: 'number',
    propagation: 'number',
    recursive: 'number',
  },
  /** Sets the SELinux context of the root of the newest mount, for file systems without a context option. */
  labelMount: { label: 'text' },
  /**
   * mknodat(2) at `path` in the root with `mode` (file type and permissions), then chown. Missing parents are
   * created. An existing node is accepted if its type and numbers match, otherwise the step fails with EEXIST; its
   * mode and owner are unchanged, like in runc and crun, because it may be the host's. A mount at `path` is kept in
   * any case. If the kernel does not permit nodes (EPERM), the host's node of the same path is bind-mounted.
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
   * Bind-mounts the host's node at `path`, which must have the type in `mode` and these numbers, over the file at
   * `path` in the root, for user namespaces, in which nodes cannot be created. A missing file is created. A mount at
   * `path` is kept.
   */
  bindDevice: { path: 'text', mode: 'number', major: 'number', minor: 'number' },
  /** symlinkat(2) at `path` in the root. An existing path is kept. */
  makeSymlink: { path: 'text', target: 'text' },
  /**
   * Like makeSymlink, but an existing file (not a directory) is removed first, unless it is the character device 5:2
   * on another mount than the root's. A mount at `path` is kept.
   */
  replaceSymlink: { path: 'text', target: 'text' },
  /** Like makeSymlink, but only if `needs` exists (a host path, checked before the pivot). */
  makeSymlinkIf: { path: 'text', target: 'text', needs: 'text' },
  /** pivot_root(2) to the root, then detaches the old root. */
  pivotRoot: {},
  /**
   * For a root that pivot_root does not support: unmounts /proc and /sys of the host, moves the root over `/`
   * (MS_MOVE), and calls chroot(2).
   */
  moveRoot: {},
  /**
   * chroot(2) into the root, or with a nonzero `slot` into the directory there, which becomes the root: for a
   * container that shares its mount namespace.
   */
  changeRoot: { slot: 'number' },
  /** mount(2) with propagation `flags` on `/`, after the pivot. */
  setRootPropagation: { flags: 'number' },
  /** Makes the root mount read-only (only the top mount). */
  sealRoot: {},
  /** mkdir -p in the root. */
  makeDirectory: { path: 'text', mode: 'number' },
  /** Sets the loopback interface `lo` of the network namespace up. */
  raiseLoopback: {},
  setHostname: { name: 'text' },
  setDomainname: { name: 'text' },
  /** Writes `value` to `path` below proc/sys of a new procfs that no process in the container can access or replace. */
  setSysctl: { path: 'text', value: 'text' },
  /**
   * Makes the path in the root a read-only mount of itself; if a symbolic link leads to the root, makes the root
   * mount read-only. A missing path is skipped.
   */
  readonlyPath: { path: 'text' },
  /**
   * Mounts a null device over a file, or an empty read-only directory over a directory. A missing path is skipped; a
   * path that leads to the root fails with EBUSY.
   */
  maskPath: { path: 'text' },
  /** Clones the host's /dev/null for the masks of a container without a null device. Before the pivot. */
  keepNullDevice: {},
  /**
   * Joins a new session keyring of this name, which the container's user may search. Skipped by kernels without
   * keyrings.
   */
  joinSessionKeyring: { name: 'text' },
  /**
   * Writes `value` to the first existing file of `names` below /proc/self/attr, through a procfs that the executor
   * mounts.
   */
  setSecurityAttribute: { names: 'texts', value: 'text' },
  setNoNewPrivileges: {},
  /** setrlimit(2); the largest number means unlimited. */
  setRlimit: { resource: 'number', soft: 'number', hard: 'number' },
  /**
   * sched_setaffinity(2) to the CPUs whose bits are set in the words `cpus`. Without words: to every CPU that the
   * cgroup allows, now or later; errors are then ignored.
   */
  setAffinity: { cpus: 'numbers' },
  /** sched_setattr(2): SCHED_*, SCHED_FLAG_*; the last three fields are in nanoseconds. */
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
  /** Changes the owner of pipes, sockets and terminals among the descriptors 0, 1 and 2 to this user. */
  ownStdio: { uid: 'number' },
  /**
   * Opens a terminal in the devpts whose ptmx is `path` in the root (ENODEV if it is not one), and keeps the master
   * in `slot`, from which `sync` sends it. The slave, opened through the master and not by path, gets the owner
   * `uid` and `height` rows and `width` columns (unless one is 0), and is mounted over `console` in the root (unless
   * that is empty); a missing file is created.
   */
  openTerminal: {
    path: 'text',
    console: 'text',
    slot: 'number',
    height: 'number',
    width: 'number',
    uid: 'number',
  },
  /** Makes the slave of openTerminal the controlling terminal of the session and the descriptors 0, 1 and 2. */
  useTerminal: {},
  /** Drops every capability that is not in `keep` from the bounding set. */
  limitBoundingSet: { keep: 'number' },
  /**
   * setgroups (unless `keepGroups`; without groups, a failure is ignored in a user namespace that forbids it),
   * setresgid, setresuid. Permitted capabilities are kept until setCapabilities.
   */
  setUser: { uid: 'number', gid: 'number', groups: 'numbers', keepGroups: 'number' },
  /** capset(2): the sets as bit masks. */
  setCapabilities: { effective: 'number', permitted: 'number', inheritable: 'number' },
  /** Clears the ambient set and raises each of `mask`. */
  setAmbientSet: { mask: 'number' },
  /** Reads the home directory of `uid` from /etc/passwd in the root; `execute` adds it as HOME (`/` if it is missing). */
  findHome: { uid: 'number' },
  /**
   * chdir(2), then fails with EXDEV unless the directory is inside the root. With `mayFail`, EACCES and EPERM are
   * ignored and a later step retries; a later step does nothing after a success.
   */
  changeDirectory: { path: 'text', mayFail: 'number' },
  /** umask(2); with `callersUmask`, restores the umask of the runtime's caller. */
  setUmask: { mask: 'number' },
  /**
   * Searches the program: a name with a slash is a path, another is searched in the directories `search`. It must be
   * an executable file. `execute` runs it.
   */
  findProgram: { name: 'text', search: 'texts' },
  /**
   * Reports `point` to the runtime and waits until the runtime has done its work: operations that only the host can
   * do at this point of the sequence. The descriptor in `slot` (0: none) is sent with the report and closed; the
   * answer contains `count` descriptors, which fill the slots from `into` on.
   */
  sync: { point: 'text', slot: 'number', into: 'number', count: 'number' },
  /**
   * Runs the program `path` and waits for its exit. argv is `args`, the environment `env` (with `home`, also the
   * result of `findHome`), the standard input the two texts of `input` with the init's pid in its own namespace
   * between them. After `timeout` seconds (0: none) it is killed. Its working directory is the root, after `ready`
   * that of the process. If its exit status is not 0, the step fails: the call is then `exit`, `signal` or `timeout`,
   * the error number is the status, signal or number of seconds, and the detail is its last output.
   */
  runHook: { path: 'text', args: 'texts', env: 'texts', home: 'number', timeout: 'number', input: 'texts' },
  /**
   * Reports to the runtime that the container is prepared, and waits for its answer; until then, the init dies with
   * the runtime. Of its descriptors, only the passed ones stay open. A failure after this step is also reported to
   * the runtime, unless an `awaitStart` step changes that; a successful exec closes the channel.
   */
  ready: {},
  /**
   * Waits until the FIFO in slot `fifo`, which is full, has been emptied, and writes a report to it. Later reports go
   * to the FIFO too. A successful exec closes it.
   */
  awaitStart: { fifo: 'number' },
  /**
   * seccomp(2) SECCOMP_SET_MODE_FILTER. `program` is classic BPF, each number one struct sock_filter in little endian
   * order; `flags` are SECCOMP_FILTER_FLAG_*. With NEW_LISTENER, the runtime first gets the number of the descriptor
   * (a `waiting` report); it then copies the descriptor from the init and sends it to the listener before the init
   * resumes.
   */
  loadSeccomp: { program: 'numbers', flags: 'number' },
  /** execve(2) of the program that was found. Only the descriptors 0 to 2 and the preserved ones stay open. */
  execute: { args: 'texts', env: 'texts' },
} as const;

/** Bits in the `flags` field of mount, bind and mountCgroup. */
export const mountFlags = {
  /** The target must be a directory whose path has no symbolic links (proc, sysfs). */
  ordinaryDirectory: 1,
  /** The target may be inside a procfs. */
  insideProc: 2,
  /** The new tmpfs gets the mode of an existing target, unless the options set one. */
  inheritMode: 4,
  /** The contents of the target are copied into the new tmpfs. */
  copyUp: 8,
  /** The target is /proc itself: the source of the bind mount must be the root of a procfs. */
  sourceIsProc: 16,
} as const;

/** The `mask` of setUmask for the umask of the runtime's caller. */
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

/** The fields of an operation. */
export type StepFields<Op extends Operation> = {
  readonly [Field in keyof (typeof vocabulary)[Op]]: (typeof vocabulary)[Op][Field] extends FieldKind
    ? FieldValue<(typeof vocabulary)[Op][Field]>
    : never;
};

/**
 * The place in config.json that requested an item of a step's list: an index in `options` of the step's origin, or the
 * pointer of another place.
 */
export type ItemPlace = number | string;

/**
 * A step of the container part, with the pointer of its origin in config.json (`''` for the whole document). `places`
 * has an entry for each item of its list, in the same order: a report names the refused item by its index.
 */
export type Step = {
  readonly [Op in Operation]: {
    readonly op: Op;
    readonly origin: string;
    readonly places?: readonly ItemPlace[];
  } & StepFields<Op>;
}[Operation];
