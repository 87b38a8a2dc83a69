// SPDX-License-Identifier: Apache-2.0
import type { Integer } from './config.ts';

/**
 * The statistics of a container in the format that engines read from `events --stats`: the structure of cgroup
 * version 1, with the values of version 2. Members that are 0 may be absent.
 */
export interface ContainerStats {
  readonly cpu: CpuStats;
  /** Only cgroup version 1 has these; always 0. */
  readonly cpuset: Readonly<Record<string, number>>;
  readonly memory: MemoryStats;
  readonly pids: {
    /** Tasks in and below the cgroup; processes if the controller is missing. */
    readonly current?: Integer;
    /** Absent: no limit. */
    readonly limit?: Integer;
  };
  readonly blkio: BlkioStats;
  /** Keyed by page size: `2MB`. */
  readonly hugetlb: Readonly<Record<string, { readonly usage?: Integer; readonly failcnt: Integer }>>;
  /** Statistics of the container's resctrl class of service; empty without one. */
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
  /** The line of the default class. */
  readonly l3_cache_schema_root?: string;
  readonly l3_cache_schema?: string;
  readonly mem_bw_info?: MemoryBandwidthInfo;
  readonly mem_bw_schema_root?: string;
  readonly mem_bw_schema?: string;
  /** All lines of the class. */
  readonly schemata?: readonly string[];
  /** Memory bandwidth in bytes, for each cache. */
  readonly mbm_stats?: readonly { readonly mbm_total_bytes: Integer; readonly mbm_local_bytes: Integer }[];
  /** Occupancy in bytes, for each cache. */
  readonly cmt_stats?: readonly { readonly llc_occupancy: Integer }[];
}

export interface CacheInfo {
  /** Hexadecimal. */
  readonly cbm_mask: string;
  readonly min_cbm_bits: Integer;
  readonly num_closids: Integer;
}

/** Percentages, or megabytes per second if resctrl is mounted with that option. */
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
  /** Sum of memory and swap. */
  readonly swap: MemoryEntry;
  /** Only cgroup version 1 has these; always 0. */
  readonly kernel: MemoryEntry;
  readonly kernelTCP: MemoryEntry;
  /** The values of memory.stat. */
  readonly raw?: Readonly<Record<string, Integer>>;
  readonly psi?: PressureStats;
}

export interface MemoryEntry {
  /** 18446744073709551615 if unlimited; 0 without the controller. */
  readonly limit: Integer;
  readonly usage?: Integer;
  /** The maximum so far. */
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
  /** Percentages over the last 10, 60 and 300 seconds. */
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
  /** Microseconds. */
  readonly total: Integer;
}

/** One line of `events`. */
export type ContainerEvent =
  | { readonly type: 'stats'; readonly id: string; readonly data: ContainerStats }
  /** The kernel has killed a process of the container because of its memory limit. */
  | { readonly type: 'oom'; readonly id: string };
