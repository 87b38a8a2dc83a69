// SPDX-License-Identifier: Apache-2.0

/** The status of a container: runtime.md#state, plus runc's `paused`, which engines use. Only hooks see `creating`. */
export type Status = 'creating' | 'created' | 'running' | 'paused' | 'stopped';

/** The state document of the specification, which hooks and seccomp agents receive: runtime.md#state. */
export interface State {
  readonly ociVersion: string;
  /** Unique on this host. */
  readonly id: string;
  readonly status: Status;
  /** Pid of the init in the runtime's pid namespace; absent if the container is stopped. */
  readonly pid?: number;
  /** Absolute path of the bundle directory. */
  readonly bundle: string;
  /** Absent if the config has none. */
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The output of the `state` command with its order of fields: the state document and runc's additions. */
export interface StateOutput {
  readonly ociVersion: string;
  readonly id: string;
  /** 0 if the container is stopped. */
  readonly pid: number;
  readonly status: Status;
  readonly bundle: string;
  /** Absolute path of the root file system. */
  readonly rootfs: string;
  /** RFC 3339 with nanoseconds, in UTC. */
  readonly created: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Empty for `state`; the user's name or `#uid` for `list`. */
  readonly owner: string;
}
