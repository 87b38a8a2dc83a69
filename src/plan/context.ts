// SPDX-License-Identifier: Apache-2.0
import { formatPointer } from '../bundle/pointer.ts';
import type { HostFacts } from '../host/facts.ts';
import { cleanPath, joinPath } from '../host/paths.ts';
import type { PublishedPorts } from '../network/publish.ts';
import type { DnsSettings } from '../network/resolv-conf.ts';
import type { Config, Process } from '../oci/config.ts';
import type { Seccomp } from '../oci/seccomp.ts';
import type { Step } from '../wire/steps.ts';
import type { HostTrees } from './host-trees.ts';
import type { Landlock } from './landlock.ts';
import type { PlannedNetwork } from './network.ts';
import type { UserNetwork } from './user-network.ts';

/** The step that loads a filter. */
export type LoadSeccomp = Extract<Step, { op: 'loadSeccomp' }> & { readonly flags: number };

/** Inputs of `makePlan` other than the config. */
export interface PlanOptions {
  readonly id: string;
  /** Absolute. Relative host paths of the config are resolved against it. */
  readonly bundle: string;
  /** Uses MS_MOVE and chroot(2) instead of pivot_root(2), for hosts with a ramfs as root. Default false. */
  readonly noPivot?: boolean;
  /** The container stays in the session keyring of the runtime's caller. Default false. */
  readonly noNewKeyring?: boolean;
  /** Number of descriptors that the container's process gets from 3 on, after those of `listenFds`. Default 0. */
  readonly preserveFds?: number;
  /** Number of socket activation descriptors from 3 on, passed to the process as LISTEN_FDS. Default 0. */
  readonly listenFds?: number;
  /** systemd makes the cgroup. Default false. */
  readonly systemdCgroup?: boolean;
  /** File that gets the pid of the init. Absolute. Default: none. */
  readonly pidFile?: string | undefined;
  /** Unix socket that gets a pidfd of the init. Absolute. Default: none. */
  readonly pidfdSocket?: string | undefined;
  /** The program runs after the preparation, without waiting for `start`. Default false. */
  readonly startNow?: boolean;
  /** The service manager of the runtime awaits a notification. Default false. */
  readonly notifies?: boolean;
  /** Networks that the container is attached to. Default: none. */
  readonly networks?: readonly PlannedNetwork[] | undefined;
  /** The network of a container whose runtime is not root. Default: none. */
  readonly userNetwork?: UserNetwork | undefined;
  /** Ports of the host that lead to the first network. Default: none. */
  readonly ports?: readonly PublishedPorts[] | undefined;
  /** Requested contents of its resolv.conf. Default: the host's. */
  readonly dns?: DnsSettings | undefined;
}

/** Inputs of every part of the plan, and outputs that are not steps. */
export interface PlanContext {
  readonly config: Config;
  readonly facts: HostFacts;
  readonly options: PlanOptions;
  /** Warns about a request that will not be applied as written. */
  warn(pointer: string, message: string): void;
  /** Mount trees that the host clones. */
  readonly trees: HostTrees;
  /** The next free slot. */
  takeSlot(): number;
}

/**
 * Inputs of the steps of one process: the process of a config, or one that is executed in an existing container.
 * Everything here concerns the process alone.
 */
export interface ProcessContext {
  readonly process: Process;
  /** linux.seccomp of the container, which applies to every process. */
  readonly seccomp?: Seccomp | undefined;
  /** `seccomp`, already compiled. Default: it is compiled now. */
  readonly filter?: LoadSeccomp | undefined;
  /** Landlock rules of the container, which apply to every process. */
  readonly landlock?: Landlock | undefined;
  readonly facts: HostFacts;
  /** The process is in another user namespace than the runtime. Default false. */
  readonly userNamespace?: boolean;
  /**
   * Pointer of a property of the process in its document: `origin('args', 0)` is `/process/args/0` in config.json. `''`
   * if no document requested it.
   */
  origin(...parts: readonly (string | number)[]): string;
  /** Warns about a request that will not be applied as written. */
  warn(pointer: string, message: string): void;
}

/**
 * Returns a path in the container in the form that steps use: absolute, without `.` and `..`. A relative one starts at
 * `/`.
 */
export function containerPath(path: string): string {
  return path.startsWith('/') ? cleanPath(path) : joinPath('/', path);
}

/** Returns a host path of the config, absolute. */
export function hostPath(context: PlanContext, path: string): string {
  return path.startsWith('/') ? cleanPath(path) : joinPath(context.options.bundle, path);
}

/** Returns a JSON pointer (RFC 6901) from its parts. */
export function pointer(...parts: readonly (string | number)[]): string {
  return formatPointer(parts);
}
