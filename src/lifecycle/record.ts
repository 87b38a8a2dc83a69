// SPDX-License-Identifier: Apache-2.0
import type { CgroupPlace } from '../cgroup/directory.ts';
import type { Hooks } from '../oci/config.ts';
import type { RdtPlace } from '../rdt/group.ts';

/** What `<root>/<id>/state.json` holds. The status is not in it: it is computed from what is found. */
export interface ContainerRecord {
  /** Of this format. */
  readonly version: 1;
  readonly id: string;
  /** Absolute. */
  readonly bundle: string;
  /** Absolute. */
  readonly rootfs: string;
  /** RFC 3339, nanoseconds, UTC. */
  readonly created: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Written before the cgroup is made, so that whoever finds a half-made container can remove it. */
  readonly cgroup?: CgroupPlace;
  /** The class of service of resctrl, written before it is made. */
  readonly rdt?: RdtPlace;
  /** No pid namespace of its own: the end of the init does not end the other processes. */
  readonly sharedPidNamespace: boolean;
  /** Created in its caller's session keyring. Default false. */
  readonly noNewKeyring?: boolean;
  /** Its config has no process, so that it cannot be started. */
  readonly noProgram?: true;
  /** Runs startContainer hooks between `start` and its program. */
  readonly startHooks?: true;
  /** Shares the runtime's mount namespace: how many mounts were on `rootfs` before its own. */
  readonly mountsBelow?: number;
  /** Those that later commands run; absent when there are none. */
  readonly hooks?: Pick<Hooks, 'poststart' | 'poststop'>;
  /** Absent until the container is created. */
  readonly init?: InitRecord;
}

export interface InitRecord {
  /** In the runtime's pid namespace. */
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, in clock ticks since boot: with the pid it names one process for ever. */
  readonly startTime: number;
}

/** Names in the state directory. */
export const files = {
  record: 'state.json',
  /** The bundle's config.json as it was at create. */
  config: 'config.json',
  /** What `exec` and a failed `start` need of config and plan: exec-data.ts. Absent when the program runs at once. */
  execData: 'exec.json',
  /** `linux.resources` as of the last `update`; absent before the first. */
  resources: 'resources.json',
  /** Its existence tells created from running. `start` empties it and reads from it what becomes of the program. */
  startFifo: 'exec.fifo',
} as const;
