// SPDX-License-Identifier: Apache-2.0
import type { CgroupPlace } from '../cgroup/directory.ts';
import type { Hooks } from '../oci/config.ts';
import type { RdtGroup } from '../rdt/group.ts';
import type { NetworkRecord } from './network/record.ts';

/** The version that this program writes. */
export const recordVersion = 2;

/** Contents of `<root>/<id>/state.json`. The status is not stored: it is computed from processes and files. */
export interface ContainerRecord {
  /** Version of the format. With 1 the init of a created container waits at two FIFOs: `start` refuses it. */
  readonly version: 1 | typeof recordVersion;
  readonly id: string;
  /** Absolute. */
  readonly bundle: string;
  /** Absolute. */
  readonly rootfs: string;
  /** RFC 3339, nanoseconds, UTC. */
  readonly created: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Written before the cgroup is made: a `delete` can then remove an unfinished container. */
  readonly cgroup?: CgroupPlace;
  /** The resctrl class of service; written before it is made. */
  readonly rdt?: RdtGroup;
  /** The container has no pid namespace of its own: the exit of the init does not end the other processes. */
  readonly sharedPidNamespace: boolean;
  /** The container stays in its caller's session keyring. Default false. */
  readonly noNewKeyring?: boolean;
  /** The config has no process: the container cannot be started. */
  readonly noProgram?: true;
  /** The container runs startContainer hooks between `start` and its program. */
  readonly startHooks?: true;
  /** Set if the container shares the runtime's mount namespace: number of mounts on `rootfs` before its own. */
  readonly mountsBelow?: number;
  /** Directories that a root of layers writes into. Absent without an upper layer. */
  readonly upper?: UpperLayer;
  /** Hooks that later commands run; absent if there are none. */
  readonly hooks?: Pick<Hooks, 'poststart' | 'poststop'>;
  /** Absent if the container is attached to no network. */
  readonly network?: NetworkRecord;
  /** Absent until the container is created. */
  readonly init?: InitRecord;
}

export interface UpperLayer {
  /** Absolute and clean. */
  readonly path: string;
  readonly work: string;
  /** `device:inode` of the two directories. */
  readonly id: string;
  readonly workId: string;
  /** The boot in which a volatile container was made. Absent: the overlay is synced. */
  readonly bootId?: string;
}

export interface InitRecord {
  /** In the runtime's pid namespace. */
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, in clock ticks since boot: pid and start time together identify one process. */
  readonly startTime: number;
}

/** Names in the state directory. */
export const files = {
  record: 'state.json',
  /** The bundle's config.json as it was at create. */
  config: 'config.json',
  /** Data for `exec` and a failed `start`: exec-data.ts. Absent if the program runs at once. */
  execData: 'exec.json',
  /** `linux.resources` as of the last `update`; absent before the first. */
  resources: 'resources.json',
  /** Mounts that were added to the container while it existed; absent before the first. */
  mounts: 'mounts.json',
  /** Exists while the container is created and not started. `start` empties it and reads the init's report from it. */
  startFifo: 'exec.fifo',
  /** Exists with published ports. Its keeper writes one byte to it after it has removed their rules. */
  portsRemoved: 'ports-removed',
} as const;
