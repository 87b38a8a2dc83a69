// SPDX-License-Identifier: Apache-2.0
import type { ExitStatus } from './exit.ts';
import type { Stdio } from './stdio.ts';

/**
 * Options of {@link Container.spawn} and {@link Container.exec}: those of the command `exec`. Paths are relative to the
 * working directory.
 */
export interface ContainerSpawnOptions {
  /** The program and its arguments. Required without `process`. */
  readonly args?: readonly string[];
  /**
   * A file with a process document (config.md#process). Missing properties, except `args` and `terminal`, are those
   * of the container. With this option, `args` and the options from here to `noNewPrivileges` are ignored.
   */
  readonly process?: string;
  /** Absolute path in the container. Default: that of the container. */
  readonly cwd?: string;
  /** `NAME=value`, added to the container's environment. */
  readonly env?: readonly string[];
  /** Default for both ids: that of the container. */
  readonly user?: { readonly uid?: number; readonly gid?: number };
  /** Added to those of the container. */
  readonly additionalGids?: readonly number[];
  /** Use a new terminal: the streams of the process are its master. Default false. */
  readonly tty?: boolean;
  /** Size of that terminal. Default: that of the container's terminal, if the config has one. */
  readonly size?: { readonly columns: number; readonly rows: number };
  /** SELinux label. Default: that of the container. */
  readonly selinuxLabel?: string;
  /** AppArmor profile. Default: that of the container. */
  readonly apparmorProfile?: string;
  /**
   * Names such as `CAP_KILL`, added to the container's bounding, effective and permitted sets, and to the ambient set
   * if the inheritable set is not empty.
   */
  readonly capabilities?: readonly string[];
  /** Default: that of the container. */
  readonly noNewPrivileges?: boolean;
  /** A Unix stream socket that receives the master of the terminal (SCM_RIGHTS). Default: this process keeps it. */
  readonly consoleSocket?: string;
  /** A Unix stream socket that receives a pidfd of the process (SCM_RIGHTS). Default: none. */
  readonly pidfdSocket?: string;
  /** The file for the process id. Default: none. */
  readonly pidFile?: string;
  /** Number of descriptors, from 3 on, that the program inherits. Default 0. */
  readonly preserveFds?: number;
  /** An existing cgroup below the container's. Default: the container's cgroup. */
  readonly cgroup?: string;
  /** Allow exec in a paused container; the program runs after resume. Default false. */
  readonly ignorePaused?: boolean;
  /**
   * Standard input, output and error; ignored with a terminal. Default for `spawn`: pipes; for `exec`: those of this
   * process.
   */
  readonly stdio?: Stdio;
}

/** Options of {@link Container.exec}. */
export interface ContainerExecOptions extends ContainerSpawnOptions, WaitOptions {
  /** Return when the program runs, without waiting for its end. Default false. */
  readonly detach?: boolean;
}

/** Options of calls that wait for the end of a program. */
export interface WaitOptions {
  /** Written to standard input, which is then a pipe. */
  readonly input?: string | Uint8Array;
  /** Milliseconds after which the program is killed. Default, and above 2^31 - 1: no limit. */
  readonly timeout?: number;
  /** Kills the program when it is aborted; the call then rejects with the reason of the signal. */
  readonly signal?: AbortSignal;
  /** Bytes of output, of both streams together, that are collected; with more the program is killed. Default 64 MiB. */
  readonly maxBuffer?: number;
}

/** A program that has ended. */
export interface ProcessResult extends ExitStatus {
  /** Its former pid in the pid namespace of this process. */
  readonly pid: number;
  /** Its output as UTF-8 text; empty unless standard output or error is a pipe. */
  readonly stdout: string;
  readonly stderr: string;
  /** It was killed because of `timeout`. */
  readonly timedOut: boolean;
}
