// SPDX-License-Identifier: Apache-2.0

/** What {@link Container.exec} takes: the options of the command. Paths are relative to the working directory. */
export interface ContainerExecOptions {
  /** The program and its arguments. Needed unless there is `process`. */
  readonly args?: readonly string[];
  /**
   * A file with a process document as of config.md#process; all that it leaves out but `args` and `terminal` is as in the
   * container. All from here to `noNewPrivileges`, and `args`, is ignored then.
   */
  readonly process?: string;
  /** Absolute, in the container. Default: the container's. */
  readonly cwd?: string;
  /** `NAME=value`, added to the container's. */
  readonly env?: readonly string[];
  /** Default: the container's, each. */
  readonly user?: { readonly uid?: number; readonly gid?: number };
  /** Added to the container's. */
  readonly additionalGids?: readonly number[];
  /** On a terminal of its own, whose master goes to `consoleSocket`. Default false. */
  readonly tty?: boolean;
  /** SELinux label. Default: the container's. */
  readonly selinuxLabel?: string;
  /** AppArmor profile. Default: the container's. */
  readonly apparmorProfile?: string;
  /** Such as `CAP_KILL`, added to the container's bounding, effective and permitted sets, and to the ambient one when something is inheritable. */
  readonly capabilities?: readonly string[];
  /** Default: the container's. */
  readonly noNewPrivileges?: boolean;
  /** A Unix stream socket that gets the master of the terminal (SCM_RIGHTS). Needed with a terminal, and only then. */
  readonly consoleSocket?: string;
  /** A Unix stream socket that gets a pidfd of the process (SCM_RIGHTS). Default: none. */
  readonly pidfdSocket?: string;
  /** Where to write the process id. Default: nowhere. */
  readonly pidFile?: string;
  /** How many descriptors from 3 on the program gets. Default 0. */
  readonly preserveFds?: number;
  /** A cgroup below the container's, which is there already. Default: the container's own. */
  readonly cgroup?: string;
  /** Also in a paused container: the program runs when it is resumed. Default false. */
  readonly ignorePaused?: boolean;
  /** Does not wait for the end. Default false. */
  readonly detach?: boolean;
}

/** A program that has ended. */
export interface ExecutedProcess {
  /** What it was in the pid namespace of this process. */
  readonly pid: number;
  /** Its exit status, or 128 and the number of the signal that ended it. */
  readonly status: number;
}
