// SPDX-License-Identifier: Apache-2.0
import { formatPointer } from '../bundle/pointer.ts';
import type { HostFacts } from '../host/facts.ts';
import { cleanPath, joinPath } from '../host/paths.ts';
import type { Config, Process } from '../oci/config.ts';
import type { Seccomp } from '../oci/seccomp.ts';
import type { Step } from '../wire/steps.ts';
import type { HostTrees } from './host-trees.ts';

/** The step that loads a filter. */
export type LoadSeccomp = Extract<Step, { op: 'loadSeccomp' }> & { readonly flags: number };

/** What the caller of `makePlan` decides beside the config. */
export interface PlanOptions {
  readonly id: string;
  /** Absolute. Relative host paths of the config are seen from here. */
  readonly bundle: string;
  /** The root is moved over `/` instead of pivoted to, for hosts whose root is a ramfs. Default false. */
  readonly noPivot?: boolean;
  /** The container keeps the session keyring of the runtime's caller. Default false. */
  readonly noNewKeyring?: boolean;
  /** How many descriptors from 3 on (after those of `listenFds`) the container's process gets. Default 0. */
  readonly preserveFds?: number;
  /** Descriptors of socket activation, from 3 on: told to the process as LISTEN_FDS. Default 0. */
  readonly listenFds?: number;
  /** systemd makes the cgroup. Default false. */
  readonly systemdCgroup?: boolean;
  /** Where the runtime writes the pid of the init. Absolute. Default: nowhere. */
  readonly pidFile?: string | undefined;
  /** The Unix socket that is sent a pidfd of the init. Absolute. Default: none. */
  readonly pidfdSocket?: string | undefined;
  /** The program runs as soon as all is prepared, without waiting for `start`. Default false. */
  readonly startNow?: boolean;
}

/** What every part of the plan is made from, and where it leaves what does not fit into steps. */
export interface PlanContext {
  readonly config: Config;
  readonly facts: HostFacts;
  readonly options: PlanOptions;
  /** Something asked for will not be as asked. */
  warn(pointer: string, message: string): void;
  /** What the host clones beforehand. */
  readonly trees: HostTrees;
  /** The next free slot. */
  takeSlot(): number;
}

/**
 * What the steps of one process are made from: that of a config, or one that is executed in a container that exists
 * already. Everything here is of the process alone.
 */
export interface ProcessContext {
  readonly process: Process;
  /** linux.seccomp of the container: it holds for every process. */
  readonly seccomp?: Seccomp | undefined;
  /** `seccomp`, compiled before. Default: that is done now. */
  readonly filter?: LoadSeccomp | undefined;
  readonly facts: HostFacts;
  /** It is in another user namespace than the runtime. Default false. */
  readonly userNamespace?: boolean;
  /**
   * The place of a property of the process in the document that asked for it: `origin('args', 0)` is `/process/args/0` in
   * config.json. `''` when no document did.
   */
  origin(...parts: readonly (string | number)[]): string;
  /** Something asked for will not be as asked. */
  warn(pointer: string, message: string): void;
}

/** A path in the container as a step names it: absolute and without `.` and `..`. A relative one counts from `/`. */
export function containerPath(path: string): string {
  return path.startsWith('/') ? cleanPath(path) : joinPath('/', path);
}

/** A host path of the config, absolute. */
export function hostPath(context: PlanContext, path: string): string {
  return path.startsWith('/') ? cleanPath(path) : joinPath(context.options.bundle, path);
}

/** A JSON pointer (RFC 6901) from its parts. */
export function pointer(...parts: readonly (string | number)[]): string {
  return formatPointer(parts);
}
