// SPDX-License-Identifier: Apache-2.0
import type { Linux } from './config-linux.ts';
import type { Scheduler } from './scheduler.ts';

export type * from './config-linux.ts';
export type * from './resources.ts';
export type * from './scheduler.ts';
export type * from './seccomp.ts';

/**
 * An integer that may pass 2^53, exact: a number when it is a safe integer, else a bigint.
 * `BigInt(value)` takes both.
 */
export type Integer = number | bigint;

/**
 * config.json for Linux, after the checks: every key in its own spelling, nothing of the wrong type, and absent
 * where the document had null. Property names and meanings are those of runtime-spec 1.3.
 *
 * @see config.md, config-linux.md
 */
export interface Config {
  /** SemVer of the specification the bundle was written for. */
  readonly ociVersion: string;
  readonly root: Root;
  /** Without args when the document has none: the container cannot be started. */
  readonly process: Process;
  /** Of the UTS namespace, which must be a new or a joined one. */
  readonly hostname?: string;
  /** NIS domain name of the UTS namespace. */
  readonly domainname?: string;
  /** Done in this order. */
  readonly mounts?: readonly Mount[];
  readonly hooks?: Hooks;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly linux?: Linux;
}

/** config.md#root */
export interface Root {
  /** Absolute, or relative to the bundle. */
  readonly path: string;
  /** Default false. */
  readonly readonly?: boolean;
}

/** config.md#mounts */
export interface Mount {
  /** In the container; absolute, and a relative one counts from `/`. */
  readonly destination: string;
  /** A host path (relative to the bundle) for binds, else what the file system makes of it. */
  readonly source?: string;
  /** File system type as in /proc/filesystems. Ignored for binds. */
  readonly type?: string;
  /** Option words of mount(8); later ones win. */
  readonly options?: readonly string[];
  readonly uidMappings?: readonly IDMapping[];
  readonly gidMappings?: readonly IDMapping[];
}

/** config-linux.md#user-namespace-mappings */
export interface IDMapping {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

/** config.md#process */
export interface Process {
  /** Default false. */
  readonly terminal?: boolean;
  /** Ignored unless `terminal`. */
  readonly consoleSize?: ConsoleSize;
  /** Absolute path in the container. */
  readonly cwd: string;
  /** `NAME=value`; the last of several with one name counts. */
  readonly env?: readonly string[];
  /** The first names the program, and is its argv[0]. Never empty. */
  readonly args: readonly string[];
  readonly user: User;
  /** Absent: capabilities are left as they are, which is not the same as empty. */
  readonly capabilities?: Capabilities;
  readonly rlimits?: readonly Rlimit[];
  /** Default false. */
  readonly noNewPrivileges?: boolean;
  /** -1000 to 1000. Absent: left as the runtime's own. */
  readonly oomScoreAdj?: number;
  readonly apparmorProfile?: string;
  readonly selinuxLabel?: string;
  readonly scheduler?: Scheduler;
  readonly ioPriority?: IOPriority;
  readonly execCPUAffinity?: ExecCPUAffinity;
}

/** In characters. config.md#process */
export interface ConsoleSize {
  readonly height: Integer;
  readonly width: Integer;
}

/** Ids of the container's user namespace. config.md#posix-platform-user */
export interface User {
  readonly uid: number;
  readonly gid: number;
  /** 0 to 0o777. */
  readonly umask?: number;
  readonly additionalGids?: readonly number[];
}

/** Names such as `CAP_NET_RAW`, in upper case; a set that is absent is empty. config.md#linux-process */
export interface Capabilities {
  readonly bounding?: readonly string[];
  readonly effective?: readonly string[];
  readonly inheritable?: readonly string[];
  readonly permitted?: readonly string[];
  readonly ambient?: readonly string[];
}

/** config.md#posix-process */
export interface Rlimit {
  /** A name of `rlimitNumbers`. */
  readonly type: string;
  /** In the unit of getrlimit(2); 2^64-1 means no limit. */
  readonly soft: Integer;
  readonly hard: Integer;
}

/** config.md#linux-process */
export interface IOPriority {
  readonly class: 'IOPRIO_CLASS_RT' | 'IOPRIO_CLASS_BE' | 'IOPRIO_CLASS_IDLE';
  /** 0 (highest) to 7. Default 0. */
  readonly priority?: number;
}

/** Lists of CPUs such as `0-3,7`, for processes that are executed in a running container. config.md#linux-process */
export interface ExecCPUAffinity {
  /** Before the process is moved into the container's cgroup. */
  readonly initial?: string;
  /** After that. */
  readonly final?: string;
}

/** config.md#posix-platform-hooks */
export interface Hooks {
  /** Deprecated in favour of the three that follow. */
  readonly prestart?: readonly Hook[];
  readonly createRuntime?: readonly Hook[];
  readonly createContainer?: readonly Hook[];
  readonly startContainer?: readonly Hook[];
  readonly poststart?: readonly Hook[];
  readonly poststop?: readonly Hook[];
}

export interface Hook {
  /** Absolute path. */
  readonly path: string;
  /** The whole argv. Default: `path` alone. */
  readonly args?: readonly string[];
  /** `NAME=value`. Absent is not the same as empty: only an empty list gives an empty environment. */
  readonly env?: readonly string[];
  /** Seconds after which the hook is killed, from 1. Default: none. */
  readonly timeout?: number;
}
