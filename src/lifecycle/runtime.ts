// SPDX-License-Identifier: Apache-2.0
import type { Binding } from '../host/binding.d.ts';

/** Everything that an operation needs: the binding, the root directory and the log. */
export interface Runtime {
  readonly binding: Binding;
  /** Absolute path of the directory that holds one directory per container. */
  readonly root: string;
  readonly log: Log;
  /** Name of the command line's program; absent in the library. */
  readonly program?: string;
  /** systemd makes the cgroups of new containers. Default false: the runtime makes them. */
  readonly systemdCgroup?: boolean;
  /** A container without limits may lack a cgroup if the runtime may not make one. Default: unless it is root. */
  readonly rootless?: boolean | undefined;
}

/** Messages in addition to the result. A failure is thrown, never logged here. */
export interface Log {
  /** Progress, for `--debug`. */
  debug(message: string): void;
  /** A request that will not be applied as written; the operation continues. */
  warn(message: string): void;
}

export const silentLog: Log = { debug: () => {}, warn: () => {} };
