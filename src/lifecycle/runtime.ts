// SPDX-License-Identifier: Apache-2.0
import type { Binding } from '../host/binding.d.ts';

/** What every operation needs: the machine, where containers are remembered, and whom to tell. */
export interface Runtime {
  readonly binding: Binding;
  /** Absolute path of the directory that holds one directory per container. */
  readonly root: string;
  readonly log: Log;
  /** The name that the command line was called by; absent in the library. */
  readonly program?: string;
  /** The cgroups of new containers are made by systemd. Default false: by the runtime itself. */
  readonly systemdCgroup?: boolean;
}

/** Messages beside the result. A failure is thrown, never logged here. */
export interface Log {
  /** What is being done, for `--debug`. */
  debug(message: string): void;
  /** What was asked for and will not be as asked; the operation goes on. */
  warn(message: string): void;
}

export const silentLog: Log = { debug: () => {}, warn: () => {} };
