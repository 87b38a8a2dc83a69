// SPDX-License-Identifier: Apache-2.0

/** Options of {@link Container.exec}, the same as those of the command. Paths are relative to the working directory. */
export interface ContainerExecOptions {
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
  /** Use a new terminal, whose master is sent to `consoleSocket`. Default false. */
  readonly tty?: boolean;
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
  /**
   * A Unix stream socket that receives the master of the terminal (SCM_RIGHTS). Required with a terminal, invalid
   * without.
   */
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
  /** Return without waiting for the exit. Default false. */
  readonly detach?: boolean;
}

/** A program that has exited. */
export interface ExecutedProcess {
  /** Its former pid in the pid namespace of this process. */
  readonly pid: number;
  /** Its exit status, or 128 plus the number of the signal that ended it. */
  readonly status: number;
}
