// SPDX-License-Identifier: Apache-2.0
import type { Integer } from './config.ts';

/**
 * What a container uses, in the form that engines read from `events --stats`: that of version 1 of cgroups, with the
 * values of version 2. A number that is 0 may be left out.
 */
export interface ContainerStats {
  readonly cpu: CpuStats;
  /** Version 1 only: zeros. */
  readonly cpuset: Readonly<Record<string, number>>;
  readonly memory: MemoryStats;
  readonly pids: {
    /** Tasks in the cgroup and below; without the controller, processes. */
    readonly current?: Integer;
    /** Absent: no limit. */
    readonly limit?: Integer;
  };
  readonly blkio: BlkioStats;
  /** By size of page: `2MB`. */
  readonly hugetlb: Readonly<Record<string, { readonly usage?: Integer; readonly failcnt: Integer }>>;
  /** Of the container's class of service in resctrl; empty without one. */
  readonly intel_rdt: RdtStats;
  readonly network_interfaces: null;
}

export interface CpuStats {
  /** Nanoseconds. */
  readonly usage: { readonly total?: Integer; readonly kernel: Integer; readonly user: Integer };
  readonly throttling: {
    readonly periods?: Integer;
    readonly throttledPeriods?: Integer;
    /** Nanoseconds. */
    readonly throttledTime?: Integer;
  };
  readonly psi?: PressureStats;
}

export interface RdtStats {
  readonly l3_cache_info?: CacheInfo;
  /** Of the default class. */
  readonly l3_cache_schema_root?: string;
  readonly l3_cache_schema?: string;
  readonly mem_bw_info?: MemoryBandwidthInfo;
  readonly mem_bw_schema_root?: string;
  readonly mem_bw_schema?: string;
  /** All lines of the class. */
  readonly schemata?: readonly string[];
  /** Bytes to and from memory, for each cache. */
  readonly mbm_stats?: readonly { readonly mbm_total_bytes: Integer; readonly mbm_local_bytes: Integer }[];
  /** Bytes in each cache. */
  readonly cmt_stats?: readonly { readonly llc_occupancy: Integer }[];
}

export interface CacheInfo {
  /** In base 16. */
  readonly cbm_mask: string;
  readonly min_cbm_bits: Integer;
  readonly num_closids: Integer;
}

/** Percent, or megabytes a second where resctrl is mounted so. */
export interface MemoryBandwidthInfo {
  readonly bandwidth_gran: Integer;
  readonly delay_linear: Integer;
  readonly min_bandwidth: Integer;
  readonly num_closids: Integer;
}

/** Bytes. */
export interface MemoryStats {
  readonly cache?: Integer;
  readonly usage: MemoryEntry;
  /** Memory and swap together. */
  readonly swap: MemoryEntry;
  /** Version 1 only: zeros. */
  readonly kernel: MemoryEntry;
  readonly kernelTCP: MemoryEntry;
  /** memory.stat. */
  readonly raw?: Readonly<Record<string, Integer>>;
  readonly psi?: PressureStats;
}

export interface MemoryEntry {
  /** 18446744073709551615 for none; 0 without the controller. */
  readonly limit: Integer;
  readonly usage?: Integer;
  /** The most there ever was. */
  readonly max?: Integer;
  readonly failcnt: Integer;
}

export interface BlkioStats {
  /** Bytes. */
  readonly ioServiceBytesRecursive?: readonly BlkioEntry[];
  /** Operations. */
  readonly ioServicedRecursive?: readonly BlkioEntry[];
  readonly psi?: PressureStats;
}

export interface BlkioEntry {
  readonly major?: Integer;
  readonly minor?: Integer;
  readonly op: 'Read' | 'Write';
  readonly value?: Integer;
}

/** Pressure stall information of the kernel. */
export interface PressureStats {
  readonly some: Pressure;
  readonly full: Pressure;
}

export interface Pressure {
  /** Percent of the last 10, 60 and 300 seconds. */
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
  /** Microseconds. */
  readonly total: Integer;
}

/** One line of `events`. */
export type ContainerEvent =
  | { readonly type: 'stats'; readonly id: string; readonly data: ContainerStats }
  /** The kernel has killed a process of the container for want of memory. */
  | { readonly type: 'oom'; readonly id: string };
