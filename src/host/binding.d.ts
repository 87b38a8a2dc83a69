// SPDX-License-Identifier: Apache-2.0

/**
 * All that the TypeScript side may ask of the machine. Each host (Node, standalone) implements this whole
 * interface from the one table in native/binding/table.cc.
 *
 * Every call is synchronous. A refused system call throws a `SystemError`. Paths are UTF-8; a path with a NUL
 * is refused with EINVAL. Descriptors returned here are close-on-exec and are closed with `close`.
 */
export interface Binding {
  // ---- files ---------------------------------------------------------------------------------------------
  /** The whole file as text; bytes that are not UTF-8 become U+FFFD. Refuses more than `limit` bytes (default 16 MiB) with EFBIG. */
  readText(path: string, limit?: number): string;
  /**
   * As readText, but undefined for ENOENT, ENOTDIR, and ESRCH (a process of /proc that has ended). With `trusted` a file
   * that others than root and our effective user own or may write to is refused with EPERM, as of fstat(2).
   */
  readTextIfThere(path: string, trusted?: boolean): string | undefined;
  /** At most the first `length` bytes of the file. */
  readStart(path: string, length: number): Uint8Array;
  /** Writes `text` with one open and one write. `flags` are open(2)'s O_* in addition to O_WRONLY|O_CLOEXEC. */
  writeText(path: string, text: string, flags: number, mode: number): void;
  /** Writes a hidden sibling (O_EXCL) and renames it over `path`: readers see the old or the new content, never half. */
  replaceText(path: string, text: string, mode: number): void;
  mkdir(path: string, mode: number): void;
  /** lchown(2); 4294967295 leaves the user or the group as it is. */
  chown(path: string, uid: number, gid: number): void;
  rmdir(path: string): void;
  unlink(path: string): void;
  /** umount2(2) of the newest mount on `path` with all that is mounted in it, also while it is in use (MNT_DETACH). */
  unmount(path: string): void;
  /**
   * Makes a FIFO, opens it for reading and writing, and fills it: who writes into it waits until somebody has emptied it,
   * and no end is lost between a reader and the next.
   */
  makeFullFifo(path: string, mode: number): number;
  /** Names in the directory, without `.` and `..`, sorted by bytes. */
  readdir(path: string): string[];
  /** rm -rf of a directory. What is already gone is fine; symbolic links are removed, not followed. */
  removeTree(path: string): void;
  /**
   * Some members of the JSON object in the same file of each directory in a directory, in one call: a row for each
   * directory (no symbolic links), sorted by bytes, at most 128 rows to a text; each value of a row ends with a NUL. They
   * are the directory's name, the user id of the file's owner, and the members in the order of the request. What is not
   * there is empty; where members could not be read so are all of them.
   */
  readMembers(request: MembersRequest): string[];
  readlink(path: string): string;
  /** Canonical absolute path; every component must exist. */
  realpath(path: string): string;
  getcwd(): string;
  chdir(path: string): void;
  /** stat(2), or lstat(2) with `noFollow`. undefined only for ENOENT and ENOTDIR. */
  stat(path: string, noFollow?: boolean): FileStatus | undefined;
  /** `f_type` of statfs(2). undefined only for ENOENT and ENOTDIR. */
  filesystemType(path: string): number | undefined;
  open(path: string, flags: number, mode: number): number;
  /** Everything that can be read from `fd` until end of file, as text. */
  readAll(fd: number): string;
  /** Writes all of `text` to `fd`. */
  write(fd: number, text: string): void;
  close(fd: number): void;
  /**
   * Takes the exclusive flock(2) of an open directory, waiting at most `timeoutMs` milliseconds. False when the time is
   * over. Throws ENOENT when the directory has been removed by whoever held the lock before.
   */
  lock(fd: number, timeoutMs: number): boolean;
  isTerminal(fd: number): boolean;
  /** Columns of the terminal; undefined for no terminal, or one whose size is not known. */
  terminalWidth(fd: number): number | undefined;
  /** True when the descriptor is open. */
  isOpen(fd: number): boolean;
  /** The CLONE_NEW* of the namespace behind the descriptor; undefined when it is no namespace. */
  namespaceKind(fd: number): number | undefined;

  // ---- mounts --------------------------------------------------------------------------------------------
  /**
   * Clones of the mounts (or where `recursive` says so of the trees) at these paths of a mount namespace, attached
   * nowhere, in their order. All or none; a refusal's `path` is the index.
   */
  cloneTrees(request: CloneTreesRequest): number[];
  /** MOUNT_ATTR_IDMAP of mount_setattr(2) on a mount that is attached nowhere, by the mappings of a user namespace. */
  mapMount(tree: number, userNamespace: number, recursive: boolean): void;

  /**
   * What fsconfig(2) returns for each option, set one after the other in a new context of the file system, from which
   * nothing is made. Throws what fsopen(2) was refused with: ENODEV for an unknown type, EPERM without CAP_SYS_ADMIN.
   */
  probeFilesystem(request: FilesystemRequest): OptionResult[];

  // ---- user namespaces -----------------------------------------------------------------------------------
  /**
   * The pid of a process that has ended in a new user namespace, or in the one behind `join` (-1: new); the caller reaps
   * it. Until then its files in /proc have the mappings to be written or read. Where the joining is refused it has ended
   * in our own, with exit status 1.
   */
  endInUserNamespace(join: number): number;
  /** prlimit(2) of the process `pid`: soft and hard limit in decimal. */
  limitProcess(pid: number, resource: number, soft: string, hard: string): void;

  /** UTF-8 of the text. A surrogate without its other half takes three bytes. */
  utf8(text: string): Uint8Array;

  // ---- this process --------------------------------------------------------------------------------------
  /** argv[0] as called, then the arguments. */
  argv(): string[];
  getenv(name: string): string | undefined;
  pid(): number;
  /** Wall clock, nanoseconds since 1970. */
  now(): bigint;
  sleepMs(milliseconds: number): void;
  /** uname(2) and what /proc/self/status says of us. */
  identity(): HostIdentity;

  /**
   * sched_setaffinity(2) of this thread, and so of what is spawned from now on: bit N of the mask is CPU N, from the lowest
   * byte on. Returns the mask as it was.
   */
  setAffinity(request: { readonly mask: Uint8Array }): Uint8Array;

  // ---- containers ----------------------------------------------------------------------------------------
  /** clone3(2): the init is born, in its namespaces and cgroup, and walks the plan until it reports. */
  spawn(request: SpawnRequest): Spawned;
  /** Waits for the init's next report. `ended` when the channel closed without one. */
  awaitReport(channel: number): Report;
  /** Lets the init go on after a report that waits (`ready`, `waiting`), with descriptors that it waits for. */
  resume(channel: number, given?: { readonly fds: readonly number[] }): void;
  /**
   * Releases a created container: empties the FIFO into which its init waits to write, and waits until the init has
   * closed it: the exec has happened (`ready`) or was refused (`failed`). `ended` when no init was there to be released.
   * Where the plan has hooks after that, `step` of `ready` is 0 when the init ended before they were over.
   */
  release(fifo: string): Report;

  /**
   * Connects to the Unix stream socket and sends `message` with the descriptor (SCM_RIGHTS). The path may be longer than
   * an address; one that begins with @ is a name in the abstract namespace. A listener that takes no connection for 10 seconds is refused with EAGAIN.
   */
  sendDescriptor(path: string, fd: number, message: string): void;
  /**
   * pidfd_getfd(2) of the descriptor that the process is about to have under this number; waits until it has.
   * undefined when the process says something on its channel instead, or ends.
   */
  takeDescriptor(pidfd: number, number: number, channel: number): number | undefined;

  /**
   * bpf(2) BPF_PROG_LOAD of a cgroup's device program, each instruction 8 bytes. Before Linux 5.11, where RLIMIT_MEMLOCK
   * is in the way, it is raised meanwhile. When the kernel refuses the program, `path` of the error has the last words of
   * its verifier.
   */
  loadDeviceProgram(request: { readonly program: Uint8Array }): number;
  /**
   * BPF_PROG_ATTACH to the open directory of a cgroup, beside programs of others. With `replace` in place of the one
   * that was attached here before, if there is one, in one step.
   */
  attachDeviceProgram(cgroup: number, program: number, replace: boolean): void;

  /**
   * Moves a network device to another network namespace and gives it `newName` there (`eth%d`: the first that is free).
   * Its permanent addresses of global scope come along, and with `up` it goes up. When that fails it is back where it was.
   * Throws ENODEV when there is none, and EEXIST when the name is taken; `syscall` is the message's name, `RTM_NEWLINK`.
   */
  moveNetDevice(request: NetDeviceMove): NetDeviceMoved;

  // ---- conversations over Unix sockets --------------------------------------------------------------------
  /** A stream socket connected to the listener at `path`; `@name` is the abstract name. Patience as for sendDescriptor. */
  connectTo(path: string): number;
  /** Sends all of `bytes`; ETIMEDOUT when that takes more than `timeoutMs`. */
  send(fd: number, bytes: Uint8Array, timeoutMs: number): void;
  /** What has come, none at the end of the stream; undefined when nothing comes within `timeoutMs` (-1 waits for ever). */
  receive(fd: number, timeoutMs: number): Uint8Array | undefined;

  // ---- processes -----------------------------------------------------------------------------------------
  /** False when no process and no thread has this number, zombies included. */
  processExists(pid: number): boolean;
  /** A pidfd, or undefined when there is no such process. */
  pidfdOpen(pid: number): number | undefined;
  /** False when the process is gone. */
  pidfdSignal(pidfd: number, signal: number): boolean;
  /** Waits until the process of the pidfd has ended; false when `timeoutMs` passed first (-1 waits for ever). */
  pidfdWait(pidfd: number, timeoutMs: number): boolean;
  /** waitid(2) on our own child without waiting; undefined when it is not ours or still runs. */
  reap(pid: number): WaitStatus | undefined;
  /**
   * From here on every signal that can be caught (not SIGURG, and not those of faults) is remembered for
   * `waitForeground`. With `subreaper`, orphans of the container become our children and are reaped there too.
   *
   * Until then SIGTERM, SIGINT, SIGHUP or SIGQUIT has the call that waits throw EINTR, which no call throws otherwise, and
   * a second one ends the process.
   */
  catchSignals(subreaper: boolean): void;
  /** Ends this process by the signal for which a call has thrown EINTR; does nothing when there was none. */
  endBySignal(): void;
  /**
   * The terminal that we were started on: the first of standard error, output and input that is one (as a copy), else
   * /dev/tty. Refused as open(2) of that: ENXIO without a terminal.
   */
  hostTerminal(): number;
  /**
   * Makes the master of a container's terminal ready for `waitForeground`: with `copySize` its size is that of `host`,
   * and unless standard input and output are terminals its line ends stay single line feeds (no ONLCR).
   */
  adoptTerminal(master: number, host: number, copySize: boolean): void;
  /**
   * Passes signals on to the init (but not SIGCHLD and SIGWINCH) until it ends, and returns how it ended. With a master
   * and a terminal of the host, which it closes, it copies between standard input and output and the master, sizes too,
   * while the host's terminal is raw; and returns when all that was written is out.
   */
  waitForeground(pid: number, pidfd: number, master?: number, host?: number): WaitStatus;

  /**
   * Runs a hook in our own namespaces to its end, and throws only when it could not be executed. It dies with us, has
   * no descriptor but its three, no signal blocked or ignored, and our user, umask and limits.
   */
  runHook(request: HookRequest): HookEnd;

  /** A descriptor that tells when one of the files is written to, or the kernel changes what it shows (inotify(7)). */
  watchFiles(request: { readonly paths: readonly string[] }): number;
  /**
   * Waits until one of the watched files has changed since the last call, or the process of the pidfd has ended, or
   * `timeoutMs` is over (-1: never): whichever is true first, a change before an end.
   */
  awaitChange(watch: number, pidfd: number, timeoutMs: number): 'changed' | 'ended' | 'time';

  /** The steps the executor knows, one a line: what src/wire/steps.ts must agree with. */
  vocabulary(): string;
}

/** What a refused system call throws: an Error with these fields. */
export interface SystemError extends Error {
  readonly syscall: string;
  /** Positive. */
  readonly errno: number;
  readonly path?: string;
}

export interface FileStatus {
  /** st_mode: file type and permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly dev: number;
  readonly ino: number;
  readonly rdevMajor: number;
  readonly rdevMinor: number;
  readonly size: number;
}

export interface MembersRequest {
  readonly directory: string;
  readonly file: string;
  /**
   * Names of members, `name.inner` for a member of an object. Of a file that has another kind of value there, a string
   * with escapes, an integer of more than 15 digits, or any damage, no members can be read.
   */
  readonly texts: readonly string[];
  readonly numbers: readonly string[];
  /** Their JSON text. */
  readonly objects: readonly string[];
}

export interface HostIdentity {
  /** uname(2): `x86_64` or `aarch64`. */
  readonly machine: string;
  /** uname(2): `6.1.0-18-amd64`. */
  readonly release: string;
  readonly euid: number;
  readonly egid: number;
  /** Capability sets as bit masks: bit N is capability number N. */
  readonly boundingCapabilities: bigint;
  readonly permittedCapabilities: bigint;
  /** Highest capability number the kernel knows. */
  readonly lastCapability: number;
  /** Bit N-1: signal N is ignored, and would stay so across exec. */
  readonly ignoredSignals: bigint;
}

export interface NetDeviceMove {
  readonly name: string;
  readonly newName: string;
  /** Network namespaces; -1: our own. */
  readonly from: number;
  readonly to: number;
  readonly up: boolean;
}

export interface NetDeviceMoved {
  /** In its new namespace. */
  readonly name: string;
  /** It was up where it comes from. */
  readonly wasUp: boolean;
}

export interface SpawnRequest {
  /** The container part of the plan as src/wire/encode.ts writes it. */
  readonly plan: Uint8Array;
  /** CLONE_NEW* flags of clone3(2). */
  readonly cloneFlags: number;
  /** Directory of the cgroup to be born in, or -1. */
  readonly cgroup: number;
  /** A pid namespace to be born in, or -1. */
  readonly pidNamespace: number;
  /**
   * Namespaces that a helper process joins, in this order, before the init is born from it; what is refused with EPERM
   * is tried again after the others. A refusal's `path` is the index. Default none.
   */
  readonly joins?: readonly number[];
  /** CLONE_NEW* when `joins` are pidfds: these namespaces of their processes are joined. Default: `joins` are namespaces. */
  readonly joinKinds?: number;
  /** How many descriptors from 3 on are passed to the container's process. */
  readonly preserveFds: number;
  /** Descriptors that fill the plan's slots, in order from slot 1. */
  readonly fds: readonly number[];
}

export interface FilesystemRequest {
  readonly type: string;
  /** Empty: none. */
  readonly source: string;
  /** `key` or `key=value`. */
  readonly options: readonly string[];
}

export interface OptionResult {
  /** Positive; 0 when the option was accepted. */
  readonly errno: number;
  /** The message of the file system; may be empty. */
  readonly words: string;
}

export interface CloneTreesRequest {
  readonly mountNamespace: number;
  /** The directory of that namespace which becomes the root of the paths. */
  readonly root: number;
  readonly paths: readonly string[];
  readonly recursive: readonly boolean[];
}

export interface Spawned {
  /** In the caller's pid namespace. */
  readonly pid: number;
  readonly pidfd: number;
  /** Our end of the socket to the init. */
  readonly channel: number;
}

/** What the init says of itself; the fields of a failure are the kernel's, the pointer is found through the plan. */
export interface Report {
  readonly kind: 'ready' | 'waiting' | 'born' | 'failed' | 'ended';
  /** Index of the step in the container part of the plan; of `born` the pid of the process that continues as the init. */
  readonly step: number;
  readonly syscall: string;
  /** Of a `waiting` report of loadSeccomp, the number that the listener's descriptor will have. */
  readonly errno: number;
  /** What the step looked at: a path, or the file system's own words. */
  readonly detail: string;
  /** What came with a `waiting` report, for the receiver to close. */
  readonly fd?: number;
}

export interface HookRequest {
  /** Absolute. */
  readonly path: string;
  /** argv, its first entry too. */
  readonly args: readonly string[];
  /** Absent: the environment of this process. */
  readonly env?: readonly string[];
  /** Standard input. */
  readonly input: string;
  /** Working directory; `/` when it is not there. */
  readonly directory: string;
  /** Then it gets SIGKILL; -1 for never. */
  readonly timeoutMs: number;
  /** How many bytes of its standard output are kept, the last ones. Default 4096. */
  readonly keep?: number;
}

export interface HookEnd extends WaitStatus {
  readonly timedOut: boolean;
  /** The last bytes that it wrote, each. */
  readonly stdout: string;
  readonly stderr: string;
}

export interface WaitStatus {
  /** Exit status, when it exited. */
  readonly code?: number;
  /** Signal number, when a signal ended it. */
  readonly signal?: number;
}
