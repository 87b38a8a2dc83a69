// SPDX-License-Identifier: Apache-2.0

/**
 * All operations on the machine that TypeScript code can call. Each host (Node, standalone) implements the whole
 * interface from the one table in native/binding/table.cc.
 *
 * Every call is synchronous. A failed system call throws a `SystemError`. Paths are UTF-8; a path with a NUL fails
 * with EINVAL. Returned descriptors are close-on-exec; the caller closes them with `close`.
 */
export interface Binding {
  // ---- files ---------------------------------------------------------------------------------------------
  /**
   * Reads the whole file as text; invalid UTF-8 becomes U+FFFD. Fails with EFBIG above `limit` bytes (default 16
   * MiB).
   */
  readText(path: string, limit?: number): string;
  /**
   * Like readText, but returns undefined for ENOENT, ENOTDIR, and ESRCH (a process of /proc that has ended), and refuses
   * a pipe with ENXIO, because a pipe without a writer would block the caller. With `trusted`, it fails with EPERM if
   * fstat(2) shows that the file is owned or writable by a user other than root and the effective user.
   */
  readTextIfThere(path: string, trusted?: boolean): string | undefined;
  /** Reads at most the first `length` bytes of the file. */
  readStart(path: string, length: number): Uint8Array;
  /** Writes `text` with one open and one write. `flags` are open(2)'s O_* in addition to O_WRONLY|O_CLOEXEC. */
  writeText(path: string, text: string, flags: number, mode: number): void;
  /** Writes a hidden sibling (O_EXCL) and renames it over `path`: readers see the old or the complete new content. */
  replaceText(path: string, text: string, mode: number): void;
  /** Changes lines of a file in place. Fails with EFBIG if it has more than `limit` bytes. */
  changeLines(request: LineChange): void;
  mkdir(path: string, mode: number): void;
  /** lchown(2); 4294967295 keeps the user or the group. */
  chown(path: string, uid: number, gid: number): void;
  rmdir(path: string): void;
  unlink(path: string): void;
  /** Makes a symbolic link at `path`; fails with EEXIST if there is any entry. */
  symlink(target: string, path: string): void;
  /** umount2(2) with MNT_DETACH: detaches the newest mount on `path` with all mounts in it, even if it is in use. */
  unmount(path: string): void;
  /**
   * Creates a FIFO, opens it for reading and writing, and fills it. A writer blocks until a reader has emptied the FIFO.
   * The returned descriptor keeps both ends open while one reader closes the FIFO and the next one opens it.
   */
  makeFullFifo(path: string, mode: number): number;
  /** Names in the directory without `.` and `..`, sorted by bytes. */
  readdir(path: string): string[];
  /** Removes a directory like rm -rf. Missing entries are ignored; symbolic links are removed, not followed. */
  removeTree(path: string): void;
  /**
   * Reads members of the JSON object in the file of the same name in each subdirectory, in one call. Returns one row
   * for each subdirectory (symbolic links excluded), sorted by bytes, at most 128 rows in a text; a NUL ends each
   * value of a row. The values are the name of the subdirectory, the user id of the file's owner, the number of the
   * object's members, and the members in the requested order. A missing member is empty; if the members cannot be
   * read, all of them and their number are empty. With `process`, two more values are the pid of the process of the
   * record, which is 0 if that process has exited, and `frozen`, `waits` or an empty text (MembersRequest). Both are empty
   * if the record has no process, or if a fact cannot be determined.
   */
  readMembers(request: MembersRequest): string[];
  readlink(path: string): string;
  /** Returns the canonical absolute path; every component must exist. */
  realpath(path: string): string;
  getcwd(): string;
  chdir(path: string): void;
  /** stat(2), or lstat(2) with `noFollow`. Returns undefined for ENOENT and ENOTDIR only. */
  stat(path: string, noFollow?: boolean): FileStatus | undefined;
  /** Returns `f_type` of statfs(2); undefined for ENOENT and ENOTDIR only. */
  filesystemType(path: string): number | undefined;
  /** True if the mount at the path, or its file system, is read-only: statfs(2). */
  isReadOnly(path: string): boolean;
  open(path: string, flags: number, mode: number): number;
  /**
   * openat2(2) with RESOLVE_IN_ROOT: the directory `root` is `/` for the path and for every symbolic link and `..` in it.
   */
  openInRoot(root: number, path: string, flags: number, mode: number): number;
  /** Copies files between two roots, with owners, modes, times, extended attributes and devices. */
  copyTree(request: CopyRequest): void;
  rename(from: string, to: string): void;
  /** Makes a pipe: the end to read from, and the end to write to. */
  pipe(): number[];
  /** Reads from `fd` until end of file, as text. */
  readAll(fd: number): string;
  /** Writes all of `text` to `fd`. */
  write(fd: number, text: string): void;
  close(fd: number): void;
  /**
   * Takes the exclusive flock(2) of an open directory and waits at most `timeoutMs` milliseconds. Returns false after
   * the timeout. Fails with ENOENT if the previous holder of the lock has removed the directory.
   */
  lock(fd: number, timeoutMs: number): boolean;
  isTerminal(fd: number): boolean;
  /** Columns of the terminal; undefined if `fd` is not a terminal or has no size. */
  terminalWidth(fd: number): number | undefined;
  /** Returns true if the descriptor is open. */
  isOpen(fd: number): boolean;
  /** Returns the CLONE_NEW* flag of a namespace descriptor; undefined for other descriptors. */
  namespaceKind(fd: number): number | undefined;

  // ---- mounts --------------------------------------------------------------------------------------------
  /**
   * Clones the mounts at these paths of a mount namespace, or the mount trees if `recursive` is set, in the given
   * order. The clones are detached. The call clones all or none; the error's `path` is the index of the failed path.
   */
  cloneTrees(request: CloneTreesRequest): number[];
  /** Sets MOUNT_ATTR_IDMAP with mount_setattr(2) on a detached mount, with the mappings of a user namespace. */
  mapMount(tree: number, userNamespace: number, recursive: boolean): void;
  /**
   * Creates an overlay with fsopen(2), and returns its detached mount. If the kernel refuses it, `path` of the error is
   * the index of the refused option (-1 for none), followed by a space and the message of the file system.
   */
  makeOverlay(request: OverlayRequest): number;

  /**
   * Sets each option with fsconfig(2) in a new file system context, without creating a file system, and returns the
   * results. Throws the error of fsopen(2): ENODEV for an unknown type, EPERM without CAP_SYS_ADMIN.
   */
  probeFilesystem(request: FilesystemRequest): OptionResult[];

  // ---- archives ------------------------------------------------------------------------------------------
  /**
   * Unpacks a tar archive into a directory (native/unpack). The result contains the first error in the archive or of a
   * call that makes an entry; the entries before it exist then.
   */
  unpackTree(request: UnpackRequest): Unpacked;
  /**
   * Writes the changes of an upper directory as the archive of a layer (native/pack). The archive is not whole if the
   * result has a problem.
   */
  packTree(request: PackRequest): Packed;
  /** The changes of an upper directory as lines `A /path`, `C /path` and `D /path`. */
  findChanges(request: ChangesRequest): { readonly lines: readonly string[]; readonly problem?: PackProblem };
  /** SHA-256 of the bytes from the current offset to the end, as hexadecimal digits, and the number of bytes. */
  digest(fd: number): { readonly digest: string; readonly size: number };
  /** Makes the hard link `path` to an open file on the same file system. Fails with EEXIST if the path exists. */
  linkFile(fd: number, path: string): void;
  /** Copies a file from its current offset on to another descriptor, and returns the number of bytes. */
  copyBytes(from: number, to: number): number;
  /** syncfs(2) of the file system that contains the directory. */
  syncFilesystem(directory: string): void;

  // ---- user namespaces -----------------------------------------------------------------------------------
  /**
   * Returns the pid of a process that has exited in a new user namespace (`join` is -1) or in the one of descriptor
   * `join`. Its files in /proc show the mappings, which can be written or read until the caller reaps it. If it
   * cannot join, it exits in the runtime's namespace with status 1.
   */
  endInUserNamespace(join: number): number;
  /** prlimit(2) of the process `pid`; soft and hard limit are decimal numbers. */
  limitProcess(pid: number, resource: number, soft: string, hard: string): void;

  /** Encodes text as UTF-8. An unpaired surrogate becomes three bytes. */
  utf8(text: string): Uint8Array;

  // ---- this process --------------------------------------------------------------------------------------
  /** argv[0] as passed by the caller, then the arguments. */
  argv(): string[];
  getenv(name: string): string | undefined;
  pid(): number;
  /** Wall clock, nanoseconds since 1970. */
  now(): bigint;
  sleepMs(milliseconds: number): void;
  /** uname(2), and the values of /proc/self/status. */
  identity(): HostIdentity;

  /**
   * sched_setaffinity(2) of this thread, which new child processes inherit. Bit N of the mask is CPU N, lowest byte
   * first. Returns the previous mask.
   */
  setAffinity(request: { readonly mask: Uint8Array }): Uint8Array;

  // ---- containers ----------------------------------------------------------------------------------------
  /** Clones the init with clone3(2) in its namespaces and cgroup; the init executes the plan until its first report. */
  spawn(request: SpawnRequest): Spawned;
  /** Waits for the next report of the init. Returns `ended` if the channel was closed without one. */
  awaitReport(channel: number): Report;
  /** Resumes the init after a report on which it waits (`ready`, `waiting`), and passes descriptors that it needs. */
  resume(channel: number, given?: { readonly fds: readonly number[] }): void;
  /**
   * Releases a created container: empties the FIFO to which its init is blocked writing, and waits until the init
   * closes it. Then exec has succeeded (`ready`) or failed (`failed`). Returns `ended` if no init was waiting. If the
   * plan has hooks after this, `step` of `ready` is 0 when the init exited before they finished.
   */
  release(fifo: string): Report;
  /**
   * Starts the keeper of a container's published ports (native/keeper), which takes over the listening sockets and ends
   * with the init. The caller closes its own copies of the descriptors. With a program that fails, `output` contains
   * its messages, and there is no keeper.
   */
  startKeeper(request: KeeperRequest): { readonly pid: number; readonly output?: string };

  // ---- containers with a keeper (native/keeper) -------------------------------------------------------
  /**
   * Starts a keeper, which runs `command` (a create that writes the init's pid to `pid` in the directory, and sends
   * its terminal to `console` there) as its child, and returns its result. The keeper copies the streams of the
   * container to `log` and to the clients of the socket `attach`, and writes `exit.json`. Fails with EAGAIN (flock) if
   * the directory has a keeper.
   */
  startContainerKeeper(request: ContainerKeeperRequest): ContainerKeeperResult;
  /** Writes the program that a container with `--init` runs as its first process (native/reaper) to a new file. */
  writeReaper(path: string, mode: number): void;
  /**
   * Connects to the keeper. `flags` are those of `Attach`. The call returns when the client receives all output from
   * now on. Fails with ENOENT or ECONNREFUSED (connect) without a keeper, and with ECONNRESET if it has ended.
   */
  openAttachment(directory: string, flags: number): number;
  /** Waits for the end of the container; output is dropped. Returns `time` after `timeoutMs` (-1: no timeout). */
  awaitContainerEnd(attachment: number, timeoutMs: number): ContainerEnd;
  /**
   * Copies between standard input, output and error and the container until it has ended, the detach keys are typed, or a
   * terminating signal arrives (without a pidfd). All signals except SIGCHLD and SIGWINCH go to the process of the pidfd.
   * The host's terminal is in raw mode meanwhile and is closed at the end; its size is sent to the container.
   */
  attach(request: AttachRequest): AttachEnd;
  /**
   * Prints the log of a container: its standard output to descriptor 1 and its standard error to 2. With an attachment
   * (without output), it continues until the container has ended or `untilMs` has passed.
   */
  printLog(request: LogRequest): void;
  /** The command that starts this program, before its arguments: absolute paths. */
  ownCommand(): string[];

  /**
   * Connects to the Unix stream socket and sends `message` with the descriptor (SCM_RIGHTS). The path may be longer
   * than a socket address; a path that begins with @ is an abstract name. Fails with EAGAIN if the listener accepts
   * no connection within 10 seconds.
   */
  sendDescriptor(path: string, fd: number, message: string): void;
  /**
   * Waits until the process has a descriptor of this number, and copies it with pidfd_getfd(2). Returns undefined if
   * the process sends a report on its channel instead, or exits.
   */
  takeDescriptor(pidfd: number, number: number, channel: number): number | undefined;

  /**
   * Loads a cgroup device program with BPF_PROG_LOAD, 8 bytes per instruction. Before Linux 5.11, RLIMIT_MEMLOCK may
   * be too low; the call raises it temporarily. If the kernel rejects the program, `path` of the error contains the
   * last line of the verifier's log.
   */
  loadDeviceProgram(request: { readonly program: Uint8Array }): number;
  /**
   * Attaches the program to the open directory of a cgroup with BPF_PROG_ATTACH, in addition to the programs of
   * others. With `replace`, it atomically replaces the program that this runtime attached before, if there is one.
   */
  attachDeviceProgram(cgroup: number, program: number, replace: boolean): void;

  /**
   * Moves a network device to another network namespace and renames it to `newName` there (`eth%d`: the first free
   * name). Its permanent addresses of global scope are kept, and with `up` it is set up. On failure the device is
   * moved back. Fails with ENODEV if the device does not exist, and with EEXIST if the name is taken; `syscall` is
   * then `RTM_NEWLINK`.
   */
  moveNetDevice(request: NetDeviceMove): NetDeviceMoved;

  // ---- networks of containers: in the network namespace of the runtime ---------
  /** All links, addresses and unicast routes. */
  networkFacts(): NetworkFacts;
  /** Returns the link of this name; undefined if there is none. */
  findLink(name: string): LinkFacts | undefined;
  /** Makes a bridge with its addresses and sets it up. Fails with EEXIST if a link has the name. */
  makeBridge(request: BridgeRequest): void;
  /** RTM_DELLINK; takes about 30 ms. */
  removeLink(name: string): void;
  /**
   * Makes a veth pair in one message: the host's end is up and in the bridge, the other end is created in the network
   * namespace of the process `pid`, down. Returns the name of the host's end. Fails with ENODEV without the bridge,
   * with EMEDIUMTYPE if it is not a bridge, with EXFULL if the bridge has 1,023 ports.
   */
  makeVeth(request: VethRequest): string;
  /**
   * Binds consecutive ports of an address, with a listening socket for TCP; `0.0.0.0` and `::` are all addresses of their
   * family. Fails with EADDRINUSE if a port is in use; `path` of the error is the port.
   */
  holdPorts(request: PortsToHold): number[];
  /** Adds a link to a bridge and sets the options of makeVeth again, because a bridge that was deleted had them. */
  enslave(link: string, bridge: string, hairpin: boolean, isolated: boolean): void;
  /**
   * Sends messages to nfnetlink(7) and waits until the message with the sequence number `last` is answered. An error
   * of the kernel is in the result.
   */
  netfilter(request: { readonly messages: Uint8Array; readonly last: number }): NetfilterAnswer;

  // ---- Unix sockets --------------------------------------------------------------------------------------
  /**
   * Returns a stream socket connected to the listener at `path`; `@name` is an abstract name. Timeout like
   * sendDescriptor.
   */
  connectTo(path: string): number;
  /** Sends all of `bytes`; fails with ETIMEDOUT after `timeoutMs`. */
  send(fd: number, bytes: Uint8Array, timeoutMs: number): void;
  /** Returns received bytes, none at end of stream; undefined after `timeoutMs` without data (-1: no timeout). */
  receive(fd: number, timeoutMs: number): Uint8Array | undefined;
  /** Returns a Unix datagram socket bound at the path, to which every user may send. Fails with EADDRINUSE. */
  bindDatagrams(path: string): number;
  /**
   * Waits until a datagram with the line READY=1 arrives, sends it to the service manager with the pid as MAINPID, and
   * waits until it is handled. Returns false if the process of the pidfd exits without one.
   */
  relayReadiness(request: Readiness & { readonly pidfd: number; readonly pid: number }): boolean;

  // ---- processes -----------------------------------------------------------------------------------------
  /** Returns false if no process or thread has this number; zombies count as processes. */
  processExists(pid: number): boolean;
  /** Returns a pidfd; undefined if the process does not exist. */
  pidfdOpen(pid: number): number | undefined;
  /** Returns false if the process has exited. */
  pidfdSignal(pidfd: number, signal: number): boolean;
  /** Waits until the process has exited; returns false after `timeoutMs` (-1: no timeout). */
  pidfdWait(pidfd: number, timeoutMs: number): boolean;
  /** waitid(2) of a child of the runtime with WNOHANG; undefined for another process, and while the child runs. */
  reap(pid: number): WaitStatus | undefined;
  /**
   * From this call on, every signal that can be caught is queued for `waitForeground`, except SIGURG and fault
   * signals. With `subreaper`, orphans of the container become the runtime's children and are reaped there too.
   *
   * Before this call, only SIGTERM, SIGINT, SIGHUP or SIGQUIT makes a waiting call throw EINTR; a second such signal
   * ends the process.
   */
  catchSignals(subreaper: boolean): void;
  /** Ends this process by the signal that caused EINTR; does nothing without one. */
  endBySignal(): void;
  /**
   * Returns the terminal on which this process was started: a copy of the first terminal among standard error, output
   * and input, otherwise /dev/tty. Fails like open(2) of /dev/tty: with ENXIO if there is no terminal.
   */
  hostTerminal(): number;
  /**
   * Prepares the master of a container's terminal for `waitForeground`. With `copySize`, it gets the size of `host`.
   * Unless standard input and output are terminals, newlines are not translated to CR LF (no ONLCR).
   */
  adoptTerminal(master: number, host: number, copySize: boolean): void;
  /** Sets the size of a terminal: TIOCSWINSZ of ioctl_tty(2). */
  resizeTerminal(fd: number, columns: number, rows: number): void;
  /**
   * Forwards signals (except SIGCHLD and SIGWINCH) to the init until it exits, and returns its exit status. With a
   * master and a host terminal, it sets the host terminal to raw mode and copies data and window sizes between the
   * master and standard input and output. It returns after all output is written, and closes both descriptors. With
   * `readiness`, READY=1 of the container is sent to the service manager, with this process as MAINPID.
   */
  waitForeground(
    pid: number,
    pidfd: number,
    master?: number,
    host?: number,
    readiness?: Readiness,
  ): WaitStatus;

  /**
   * Runs a hook in the runtime's namespaces until it exits; throws only if the hook cannot be executed. The kernel
   * kills the hook when this process exits. The hook has only its three standard descriptors, no blocked
   * or ignored signals, and the runtime's user, umask and limits.
   */
  runHook(request: HookRequest): HookEnd;
  /**
   * Waits until a child has exited and reaps it. Reads its output meanwhile. After the time, the child's process group
   * gets SIGKILL; so it does after an EINTR, which is thrown.
   */
  awaitOutput(request: OutputRequest): OutputEnd;

  /**
   * Runs a program of tsubo until it exits, with the standard streams, the working directory and the environment of
   * this process, and returns the text that it wrote to descriptor 3. The kernel kills it when this process is killed
   * or exits; a signal that ends this process kills it too, and throws EINTR.
   */
  runHelper(request: HelperRequest): HelperEnd;

  /**
   * Starts a program that exchanges messages (SOCK_SEQPACKET) with the runtime on its descriptor 3. It has the standard
   * streams and the environment of this process, and continues if this process exits. The caller closes both
   * descriptors and reaps it.
   */
  startPeer(request: PeerRequest): Peer;
  /** Receives one message. Without bytes, the peer has closed its socket. The caller closes the descriptor. */
  receiveMessage(socket: number): { readonly bytes: Uint8Array; readonly fd?: number };
  /** Sets the loopback device of a network namespace up. */
  raiseLoopback(networkNamespace: number): void;

  /** Returns an inotify(7) descriptor that reports writes to the files, and changes of their content by the kernel. */
  watchFiles(request: { readonly paths: readonly string[] }): number;
  /**
   * Waits until a watched file has changed since the last call, the process of the pidfd has exited, or `timeoutMs`
   * has passed (-1: no timeout). If a change and an exit happen together, it returns the change.
   */
  awaitChange(watch: number, pidfd: number, timeoutMs: number): 'changed' | 'ended' | 'time';

  /** The steps that the executor implements, one per line; the steps of src/plan must match them. */
  vocabulary(): string;
}

export interface PeerRequest {
  /** Absolute. */
  readonly path: string;
  readonly args: readonly string[];
  /** Become descriptors 4, 5, ... of the program. */
  readonly fds: readonly number[];
  /** Descriptor of cgroup.procs of the cgroup that the program enters. Default: that of this process. */
  readonly cgroup?: number;
  /** A detached mount: the program sees it at `mountpoint`, in a mount namespace of its own. Default: none. */
  readonly tree?: number;
  readonly mountpoint: string;
  /** Name of a session keyring that the program joins; empty: that of this process. */
  readonly keyring: string;
}

export interface Peer {
  readonly pid: number;
  readonly pidfd: number;
  readonly socket: number;
}

/** The socket of sd_notify(3) for a container. */
export interface Readiness {
  /** The socket for the container, from bindDatagrams. */
  readonly socket: number;
  /** The socket of the service manager: a path, or `@` and an abstract name. */
  readonly host: string;
}

/** The error for a failed system call: an Error with these fields. */
export interface SystemError extends Error {
  readonly syscall: string;
  /** Positive. */
  readonly errno: number;
  readonly path?: string;
}

export interface UnpackRequest {
  /** Descriptor of the archive. */
  readonly source: number;
  /** Absolute path and arguments of the program that decompresses the archive; empty for an uncompressed one. */
  readonly decompress: readonly string[];
  /** The directory, which is empty. */
  readonly tree: string;
  /** The trees of the lower layers, the uppermost first. */
  readonly lowers: readonly string[];
  /**
   * A layer of an image: whiteouts become those of overlay. Without it, only files, directories and links are made, and
   * owners, modes, times and attributes are not kept.
   */
  readonly layer: boolean;
  /** Names with `.wh.` are whiteouts. False for an archive that a user has made: there they are ordinary names. */
  readonly whiteouts: boolean;
  /** Owners, attributes and devices that cannot be kept are errors. Otherwise they are counted. */
  readonly strict: boolean;
  /** The extended attribute of opaque directories. */
  readonly opaque: string;
  /** The digest of the archive is computed. */
  readonly hashes: boolean;
}

export interface Unpacked {
  /** SHA-256 of the uncompressed archive, as hexadecimal digits; empty without `hashes`. */
  readonly digest: string;
  /** Bytes of the uncompressed archive. */
  readonly size: number;
  readonly entries: number;
  /** The tree depends on the lower layers: it has a directory or a link that comes from there. */
  readonly usesLowers: boolean;
  /** Nothing of the lower layers is visible. */
  readonly hidesAll: boolean;
  /** Numbers of entries with an owner, a device or attributes that could not be kept. */
  readonly lostOwners: number;
  readonly lostDevices: number;
  readonly lostAttributes: number;
  readonly problem?: UnpackProblem;
  /**
   * The archive has more bytes than the file system had free before, and reading ended with a problem after this number:
   * a small compressed archive may be endless.
   */
  readonly limit?: number;
  /** Error output of the decompressor if it has failed. */
  readonly decompressor?: string;
}

export interface UnpackProblem {
  /** The refused call; empty if the archive itself is damaged. */
  readonly syscall: string;
  readonly errno: number;
  readonly reason: string;
  /** The name of the entry; empty before the first. */
  readonly entry: string;
  /** Offset of the entry's header in the uncompressed archive. */
  readonly offset: number;
}

export interface ChangesRequest {
  /** The upper directory of an overlay, which may be in use. */
  readonly upper: string;
  /** The trees of the lower layers, the uppermost first. */
  readonly lowers: readonly string[];
  /** The extended attribute of opaque directories. */
  readonly opaque: string;
  /** Mount points of the container: those that are empty and that no lower layer has are ignored. */
  readonly mountPoints: readonly string[];
}

export interface PackRequest extends ChangesRequest {
  /** Descriptor to which the archive is written. */
  readonly output: number;
  /** The latest time that files may have, in seconds since 1970; later times are set to it. Default: no limit. */
  readonly latest?: number;
  /** Owners are kept. Without root's rights, files of the caller belong to the user 0 of the container. */
  readonly owners: boolean;
  /** The upper directory becomes the tree of the layer: it gets the times of the archive, and loses ignored files. */
  readonly settle: boolean;
}

export interface Packed {
  /** SHA-256 of the archive, as hexadecimal digits; empty with a problem. */
  readonly digest: string;
  readonly size: number;
  readonly entries: number;
  readonly problem?: PackProblem;
}

export interface PackProblem {
  /** The refused call; empty for a file that an archive cannot contain. */
  readonly syscall: string;
  readonly errno: number;
  readonly reason: string;
  /** The path in the container. */
  readonly path: string;
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

export interface CopyRequest {
  /** Directories that are `/` for `from` and `to` and for all symbolic links in them. */
  readonly fromRoot: number;
  readonly from: string;
  readonly toRoot: number;
  /** An existing directory. */
  readonly to: string;
  /**
   * Name of the copy in `to`; an existing file is replaced, and a directory is merged. Empty: `from` is a directory, and
   * its content is copied.
   */
  readonly name: string;
  /** `to` gets owner, mode and times of `from`, too. Only with an empty name. */
  readonly properties: boolean;
  /** User and group of all copies; the default of `group` is `owner`. Default: those of the files. */
  readonly owner?: number;
  readonly group?: number;
  /** Mode of all files and directories. Default: those of the files. */
  readonly mode?: number;
  /** Existing directories below `to` get owner, mode and times of the copied ones, too. */
  readonly overwrite?: boolean;
  /** Paths below `from` that are not copied, sorted. Default: none. */
  readonly without?: readonly string[];
}

export interface MembersRequest {
  readonly directory: string;
  readonly file: string;
  /**
   * Member names; `name.inner` is a member of an object. No member of a file can be read if one has a value of
   * another type, a string with escapes, or an integer of more than 15 digits, or if the JSON is invalid.
   */
  readonly texts: readonly string[];
  readonly numbers: readonly string[];
  /** Members that are objects, returned as JSON text. */
  readonly objects: readonly string[];
  /** Names of the members that identify a process. Their values are not returned, and no column may have these names. */
  readonly process?: {
    readonly pid: string;
    /** Field 22 of /proc/PID/stat. */
    readonly startTime: string;
    /** Absolute path of its cgroup: `frozen` if cgroup.freeze in it is 1. */
    readonly cgroup: string;
    /** A file in the subdirectory: `waits` if it exists and the cgroup is not frozen. */
    readonly fifo: string;
  };
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
  /** The highest capability number of this kernel. */
  readonly lastCapability: number;
  /** Bit N-1: signal N is ignored, and would remain ignored after exec. */
  readonly ignoredSignals: bigint;
}

export interface NetDeviceMove {
  readonly name: string;
  readonly newName: string;
  /** Network namespaces; -1 means the runtime's own. */
  readonly from: number;
  readonly to: number;
  readonly up: boolean;
}

export interface NetDeviceMoved {
  /** The name in the new namespace. */
  readonly name: string;
  /** The device was up before the move. */
  readonly wasUp: boolean;
}

export interface KeeperRequest {
  /** pidfd of the container's init. */
  readonly pidfd: number;
  readonly listeners: readonly KeeperListener[];
  /** nftables batches to send, in this order, whenever a table was deleted. A batch that the kernel refuses is skipped. */
  readonly restore: readonly Uint8Array[];
  /** Netlink messages of NETLINK_NETFILTER that are sent after the init has exited. */
  readonly end: readonly Uint8Array[];
  /** Descriptor of a file to which the keeper writes one byte after it has sent the messages of `end`. */
  readonly removed?: number;
  /** A program that the keeper starts, and kills after the init has exited. Default: none. */
  readonly program?: KeeperProgram;
}

/** A program that works in the background: its first process exits when the work has begun. */
export interface KeeperProgram {
  /** File to which the program writes the pid of its process. */
  readonly pidFile: string;
  /** The absolute path of the program, then its arguments. The environment is empty. */
  readonly arguments: readonly string[];
}

/** A socket of the host, and the address in the container to which the keeper forwards its data. */
export interface KeeperListener {
  /** A TCP socket that listens, or a bound UDP socket. */
  readonly fd: number;
  readonly protocol: 'tcp' | 'udp';
  /** IPv4 or IPv6 address of the container. */
  readonly address: string;
  readonly port: number;
}

export interface ContainerKeeperRequest {
  /** The container's directory, with the keeper's files. */
  readonly directory: string;
  /** The first word is an absolute path. */
  readonly command: readonly string[];
  /** Executed after the container's end unless a client has removed the container. May be empty. */
  readonly atEnd: readonly string[];
  /** `atEnd` is executed only if the directory then contains the file `restart`. */
  readonly endsIfMarked: boolean;
  readonly terminal: boolean;
  /** Standard input is a pipe that clients write to. Otherwise it is /dev/null. Ignored with a terminal. */
  readonly openInput: boolean;
  /** Size at which the log is rotated, and the number of files to keep; 0 bytes: it is never rotated. */
  readonly logBytes: number;
  readonly logFiles: number;
  readonly check?: HealthCheckCommand;
}

/** A command that the keeper executes while the program runs, never twice at the same time. */
export interface HealthCheckCommand {
  /** The first word is an absolute path. Exit status 1: the next one begins after `startIntervalMs`. */
  readonly command: readonly string[];
  readonly firstMs: number;
  /** From the end of a command to the beginning of the next one. */
  readonly intervalMs: number;
  readonly startIntervalMs: number;
}

export interface ContainerKeeperResult {
  /** Pid of the keeper, and pid of the container's init; 0 if the create failed. */
  readonly pid: number;
  readonly init: number;
  /** Exit status of the create, or 128 plus the number of the signal that ended it. */
  readonly status: number;
  /** The create's standard error: JSON records if the command has `--log-format json`. */
  readonly text: string;
}

export interface LogRequest {
  readonly directory: string;
  readonly attachment?: number;
  /** Number of lines at the end. Default: all. */
  readonly tail?: number;
  /** Times in the format of a record; empty: no limit. */
  readonly since: string;
  readonly until: string;
  /** `until` in milliseconds since 1970. */
  readonly untilMs?: number;
  readonly timestamps: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

export interface AttachRequest {
  readonly attachment: number;
  /** The host's terminal, for a container with a terminal. */
  readonly terminal?: number;
  readonly pidfd?: number;
  /** Standard input is read and sent. */
  readonly input: boolean;
  /** End of file on standard input closes that of the program. */
  readonly closeInput: boolean;
  /** The bytes that end the call if they are typed one after the other. Empty: none. */
  readonly detachKeys: Uint8Array;
}

export interface AttachEnd extends Omit<ContainerEnd, 'how'> {
  /** `closed`: standard output or error cannot be written; `signal`: a terminating signal has arrived. */
  readonly how: 'ended' | 'gone' | 'detached' | 'closed' | 'signal';
  /** If `how` is `closed`. */
  readonly errno?: number;
}

export interface ContainerEnd {
  /** `ended`: the container ended; `gone`: the keeper was killed. */
  readonly how: 'ended' | 'gone' | 'time';
  /** If the container has ended: its init, and its exit status, or 128 plus the number of its signal. */
  readonly pid?: number;
  readonly status?: number;
  /** The signal that ended the init, or 0. In an AttachEnd also the signal that has arrived. */
  readonly signal?: number;
  /** The kernel killed a process of the container because of its memory limit. */
  readonly oomKilled?: boolean;
}

export interface LinkFacts {
  readonly index: number;
  readonly name: string;
  /** IFLA_INFO_KIND, such as `bridge` or `veth`; empty for hardware. */
  readonly kind: string;
  readonly mtu: number;
  /** Index of the bridge that the link is in; 0 if none. */
  readonly master: number;
  readonly up: boolean;
}

export interface NetworkFacts {
  readonly links: readonly LinkFacts[];
  readonly addresses: readonly { readonly address: string; readonly prefix: number; readonly link: number }[];
  /** Unicast routes of all tables; a default route has prefix 0. `link` is 0 for a route without a single device. */
  readonly routes: readonly {
    readonly destination: string;
    readonly prefix: number;
    readonly link: number;
    readonly metric: number;
  }[];
}

export interface BridgeRequest {
  readonly name: string;
  readonly mtu: number;
  /** Hardware address. */
  readonly mac: Uint8Array;
  readonly addresses: readonly { readonly address: string; readonly prefix: number }[];
}

export interface LineChange {
  readonly path: string;
  /** Every line that ends with `end` and begins with one of `starts` is removed. */
  readonly end: string;
  readonly starts: readonly string[];
  /** Whole lines, which are added at the end of the file; if it is not empty, it ends with a line feed. */
  readonly added: string;
  readonly limit: number;
}

export interface VethRequest {
  readonly bridge: string;
  /** The bridge as found before. Default: it is looked up. */
  readonly known?: Pick<LinkFacts, 'index' | 'mtu'>;
  /** Name of the host's end; a letter is appended if it is taken. */
  readonly name: string;
  /** The process in whose network namespace the other end is created, with this name. */
  readonly pid: number;
  readonly peer: string;
  /** Hardware address of the other end. Default: chosen by the kernel. */
  readonly mac?: Uint8Array;
  /** The bridge sends frames back to the port that they came from. */
  readonly hairpin: boolean;
  /** The bridge passes no frames between isolated ports. */
  readonly isolated: boolean;
}

export interface PortsToHold {
  readonly protocol: 'tcp' | 'udp';
  readonly address: string;
  readonly first: number;
  readonly count: number;
}

export interface NetfilterAnswer {
  /** Error of the first message that failed, positive; 0 if none did. */
  readonly errno: number;
  readonly sequence: number;
  /** The messages of a dump. */
  readonly answers: Uint8Array;
}

export interface SpawnRequest {
  /** The container part of the plan, encoded by src/wire/encode.ts. */
  readonly plan: Uint8Array;
  /** CLONE_NEW* flags of clone3(2). */
  readonly cloneFlags: number;
  /** Directory of the cgroup into which the init is cloned, or -1. */
  readonly cgroup: number;
  /** The pid namespace into which the init is cloned, or -1. */
  readonly pidNamespace: number;
  /**
   * Namespaces that a helper process joins in this order before it clones the init. A join that fails with EPERM is
   * retried after the others. The error's `path` is the index. Default: none.
   */
  readonly joins?: readonly number[];
  /**
   * CLONE_NEW* flags if `joins` are pidfds: the namespaces of these processes to join. Default: `joins` are
   * namespaces.
   */
  readonly joinKinds?: number;
  /** Slot of a directory that becomes the root before the init is cloned in `joins`. Default: the root stays. */
  readonly rootSlot?: number;
  /** Number of descriptors, from 3 on, that the container's process inherits. */
  readonly preserveFds: number;
  /** Descriptors for the slots of the plan, from slot 1. */
  readonly fds: readonly number[];
  /** Become standard input, output and error; -1 keeps that of this process. Default: those of this process. */
  readonly standard?: StandardDescriptors;
}

/** Descriptors of standard input, output and error. */
export type StandardDescriptors = readonly [input: number, output: number, error: number];

export interface FilesystemRequest {
  readonly type: string;
  /** Empty means no source. */
  readonly source: string;
  /** `key` or `key=value`. */
  readonly options: readonly string[];
}

export interface OverlayRequest {
  readonly source: string;
  /** `key` or `key=value`. */
  readonly options: readonly string[];
  /** For each option, the descriptor that is its value; -1 if the text has it. */
  readonly fds: readonly number[];
  /** MOUNT_ATTR_*. */
  readonly attributes: number;
}

export interface OptionResult {
  /** Positive; 0 when the option was accepted. */
  readonly errno: number;
  /** The error message of the file system; may be empty. */
  readonly message: string;
}

export interface CloneTreesRequest {
  readonly mountNamespace: number;
  /** The directory of that namespace to which `paths` are relative. */
  readonly root: number;
  readonly paths: readonly string[];
  readonly recursive: readonly boolean[];
}

export interface Spawned {
  /** The pid in the caller's pid namespace. */
  readonly pid: number;
  readonly pidfd: number;
  /** The runtime's end of the socket to the init. */
  readonly channel: number;
}

/** A report of the init. Its error fields are the kernel's; the plan maps `step` to a pointer. */
export interface Report {
  readonly kind: 'ready' | 'waiting' | 'cloned' | 'failed' | 'ended';
  /** Index of the step in the container part of the plan; in a `cloned` report, the pid of the new init. */
  readonly step: number;
  readonly syscall: string;
  /** In a `waiting` report of loadSeccomp, the future number of the listener's descriptor. */
  readonly errno: number;
  /** Index of the refused item in the step's list: an option of `mount`. Absent if the failure is of no item. */
  readonly item?: number;
  /** The object of the step: a path, or the error message of the file system. */
  readonly detail: string;
  /** The descriptor of a `waiting` report; the receiver closes it. */
  readonly fd?: number;
}

export interface HookRequest {
  /** Absolute. */
  readonly path: string;
  /** argv including argv[0]. */
  readonly args: readonly string[];
  /** Default: the environment of this process. */
  readonly env?: readonly string[];
  /** Standard input. */
  readonly input: string;
  /** Working directory; `/` if it does not exist. */
  readonly directory: string;
  /** The hook gets SIGKILL after this time; -1 means no timeout. */
  readonly timeoutMs: number;
  /** Number of bytes at the end of standard output to keep. Default 4096. */
  readonly keep?: number;
}

export interface HookEnd extends WaitStatus {
  readonly timedOut: boolean;
  /** The last bytes of each stream. */
  readonly stdout: string;
  readonly stderr: string;
}

export interface OutputRequest {
  /** A child that leads its process group. */
  readonly pid: number;
  readonly pidfd: number;
  /** The end of a pipe. It stays open, and its reads no longer block. */
  readonly output: number;
  readonly timeoutMs: number;
  /** Number of bytes at the end of the output to keep. */
  readonly keep: number;
}

export interface OutputEnd extends WaitStatus {
  readonly timedOut: boolean;
  readonly output: string;
}

export interface HelperRequest {
  /** Absolute. */
  readonly path: string;
  /** argv including argv[0]. */
  readonly args: readonly string[];
}

export interface HelperEnd extends WaitStatus {
  /** At most the last MiB. */
  readonly result: string;
}

export interface WaitStatus {
  /** Exit status, if the process exited. */
  readonly code?: number;
  /** Signal number, if a signal ended the process. */
  readonly signal?: number;
}
