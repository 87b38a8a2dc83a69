// SPDX-License-Identifier: Apache-2.0

/**
 * What the plan may know of the machine, read once. The same config and the same facts give the same plan, so a plan
 * can be made and compared anywhere by making up these values.
 */
export interface HostFacts {
  readonly kernel: { readonly release: string; readonly major: number; readonly minor: number };
  readonly machine: 'x86_64' | 'aarch64';
  readonly euid: number;
  readonly egid: number;
  readonly capabilities: {
    /** Bit masks: bit N is capability number N. */
    readonly bounding: bigint;
    readonly permitted: bigint;
    /** Highest capability number the kernel knows. */
    readonly last: number;
  };
  /** Bit N-1: signal N is ignored here and would stay so in the container. */
  readonly ignoredSignals: bigint;
  readonly cgroup: CgroupFacts;
}

export interface CgroupFacts {
  /**
   * `unified`: cgroup2 at /sys/fs/cgroup. `hybrid`: version 1 controllers with cgroup2 mounted beside them.
   * `none`: no cgroup2 mount found.
   */
  readonly layout: 'unified' | 'hybrid' | 'none';
  /** Where cgroup2 is mounted: `/sys/fs/cgroup`, `/sys/fs/cgroup/unified`. Empty for `none`. */
  readonly mountpoint: string;
  /** Our own cgroup below the mount point, `/` for its root (the `0::` line of /proc/self/cgroup). */
  readonly own: string;
}
