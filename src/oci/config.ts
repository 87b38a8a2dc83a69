// SPDX-License-Identifier: Apache-2.0
import type { ConfigOfFacilities } from '../plan/facilities.ts';
import type { Linux } from './config-linux.ts';
import type { Scheduler } from './scheduler.ts';

export type * from './config-linux.ts';
export type * from './resources.ts';
export type * from './scheduler.ts';
export type * from './seccomp.ts';

/**
 * An exact integer that may exceed 2^53: a number if it is a safe integer, otherwise a bigint. `BigInt(value)`
 * accepts both.
 */
export type Integer = number | bigint;

/**
 * config.json for Linux after the checks: all keys have the spelling of the specification, all values the right type,
 * and null members are removed. Property names and meanings are those of runtime-spec 1.3.
 *
 * @see config.md, config-linux.md
 */
export interface Config extends ConfigOfFacilities {
  /** SemVer of the specification that the bundle conforms to. */
  readonly ociVersion: string;
  readonly root: Root;
  /** Without args if the document has no process; such a container cannot be started. */
  readonly process: Process;
  /** Executed in this order. */
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
  /** Path in the container; a relative path starts at `/`. */
  readonly destination: string;
  /** For bind mounts a host path (absolute or relative to the bundle), otherwise a value for the file system. */
  readonly source?: string;
  /** File system type as in /proc/filesystems. Ignored for binds. */
  readonly type?: string;
  /** Options of mount(8); later ones override earlier ones. */
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
  /** Ignored without `terminal`. */
  readonly consoleSize?: ConsoleSize;
  /** Absolute path in the container. */
  readonly cwd: string;
  /** `NAME=value`; the last of several values for a name is used. */
  readonly env?: readonly string[];
  /** argv. The first element is also the name of the program. Never empty. */
  readonly args: readonly string[];
  readonly user: User;
  /** Absent: capabilities are unchanged. Empty sets drop them. */
  readonly capabilities?: Capabilities;
  readonly rlimits?: readonly Rlimit[];
  /** Default false. */
  readonly noNewPrivileges?: boolean;
  /** -1000 to 1000. Default: the runtime's own value. */
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

/** Ids in the container's user namespace. config.md#posix-platform-user */
export interface User {
  readonly uid: number;
  readonly gid: number;
  /** 0 to 0o777. */
  readonly umask?: number;
  readonly additionalGids?: readonly number[];
}

/** Names such as `CAP_NET_RAW` in upper case; an absent set is empty. config.md#linux-process */
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
  /** In the unit of getrlimit(2); 2^64-1 means unlimited. */
  readonly soft: Integer;
  readonly hard: Integer;
}

/** config.md#linux-process */
export interface IOPriority {
  readonly class: 'IOPRIO_CLASS_RT' | 'IOPRIO_CLASS_BE' | 'IOPRIO_CLASS_IDLE';
  /** 0 (highest) to 7. Default 0. */
  readonly priority?: number;
}

/** Lists of CPUs such as `0-3,7` for processes of `exec`. config.md#linux-process */
export interface ExecCPUAffinity {
  /** CPUs before the process is moved into the container's cgroup. */
  readonly initial?: string;
  /** CPUs after that. */
  readonly final?: string;
}

/** config.md#posix-platform-hooks */
export interface Hooks {
  /** Deprecated in favour of the next three. */
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
  /** The complete argv. Default: `path` only. */
  readonly args?: readonly string[];
  /** `NAME=value`. An empty list means an empty environment; an absent one, the environment of the runtime. */
  readonly env?: readonly string[];
  /** Seconds until the hook is killed, from 1. Default: no timeout. */
  readonly timeout?: number;
}
