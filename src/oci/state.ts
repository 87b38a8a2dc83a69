// SPDX-License-Identifier: Apache-2.0

/**
 * Where a container is in its life: runtime.md#state, and `paused` as every engine knows it from runc.
 * `creating` is seen by hooks only.
 */
export type Status = 'creating' | 'created' | 'running' | 'paused' | 'stopped';

/** The state document of the specification, as hooks and seccomp agents receive it: runtime.md#state. */
export interface State {
  readonly ociVersion: string;
  /** Unique on this host. */
  readonly id: string;
  readonly status: Status;
  /** The init, in the runtime's pid namespace; absent when the container is stopped. */
  readonly pid?: number;
  /** Absolute path of the bundle directory. */
  readonly bundle: string;
  /** Absent when the config has none. */
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What the `state` command prints, in this order of fields: the state document and runc's additions. */
export interface StateOutput {
  readonly ociVersion: string;
  readonly id: string;
  /** 0 when the container is stopped. */
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
