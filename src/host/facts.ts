// SPDX-License-Identifier: Apache-2.0

/**
 * The properties of the machine that a plan depends on, read once. The same config and the same facts give the same
 * plan, therefore tests can make and compare plans on any machine with invented facts.
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
    /** The highest capability number of this kernel. */
    readonly last: number;
  };
  /** Bit N-1: signal N is ignored in this process, and would remain ignored in the container. */
  readonly ignoredSignals: bigint;
  readonly cgroup: CgroupFacts;
}

export interface CgroupFacts {
  /**
   * `unified`: cgroup2 at /sys/fs/cgroup. `hybrid`: version 1 controllers with cgroup2 mounted beside them.
   * `none`: no cgroup2 mount found.
   */
  readonly layout: 'unified' | 'hybrid' | 'none';
  /** Mount point of cgroup2: `/sys/fs/cgroup` or `/sys/fs/cgroup/unified`. Empty for `none`. */
  readonly mountpoint: string;
  /** The cgroup of this process below the mount point (the `0::` line of /proc/self/cgroup); `/` is the root. */
  readonly own: string;
}

/**
 * Invented facts of a machine with all features: for checks of a document alone, whose target machine is unknown, so
 * nothing may fail for a missing feature; and for plans that are discarded.
 */
export const capableMachine: HostFacts = {
  kernel: { release: '6.18.0', major: 6, minor: 18 },
  machine: 'x86_64',
  euid: 0,
  egid: 0,
  capabilities: { bounding: (1n << 41n) - 1n, permitted: (1n << 41n) - 1n, last: 40 },
  ignoredSignals: 0n,
  cgroup: { layout: 'unified', mountpoint: '/sys/fs/cgroup', own: '/' },
};
