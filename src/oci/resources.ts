// SPDX-License-Identifier: Apache-2.0
import type { Integer } from './config.ts';

/** Limits of the cgroup. config-linux.md#control-groups */
export interface Resources {
  /** Device rules in order; the last matching rule decides. */
  readonly devices?: readonly DeviceCgroup[];
  readonly memory?: Memory;
  readonly cpu?: CPU;
  readonly pids?: Pids;
  readonly blockIO?: BlockIO;
  readonly hugepageLimits?: readonly HugepageLimit[];
  readonly network?: Network;
  /** Keyed by device. */
  readonly rdma?: Readonly<Record<string, Rdma>>;
  /** Content by file name of cgroup v2. */
  readonly unified?: Readonly<Record<string, string>>;
}

/** config-linux.md#device-whitelist */
export interface DeviceCgroup {
  readonly allow: boolean;
  /** `a` (all), `c`, `b`. Default `a`. */
  readonly type?: string;
  /** Absent or -1: every number. */
  readonly major?: Integer;
  readonly minor?: Integer;
  /** Any of the letters `r`, `w`, `m`. */
  readonly access?: string;
}

/** Bytes; -1 means no limit. config-linux.md#memory */
export interface Memory {
  readonly limit?: Integer;
  readonly reservation?: Integer;
  /** Memory and swap together. */
  readonly swap?: Integer;
  readonly kernel?: Integer;
  readonly kernelTCP?: Integer;
  /** 0 to 100. */
  readonly swappiness?: Integer;
  readonly disableOOMKiller?: boolean;
  readonly useHierarchy?: boolean;
  readonly checkBeforeUpdate?: boolean;
}

/** config-linux.md#cpu */
export interface CPU {
  /** Relative weight, 2 to 262144. */
  readonly shares?: Integer;
  /** Microseconds of CPU time per `period`; 0 or below means no limit. */
  readonly quota?: Integer;
  /** Microseconds. */
  readonly burst?: Integer;
  /** Microseconds. Default 100000. */
  readonly period?: Integer;
  /** Microseconds. */
  readonly realtimeRuntime?: Integer;
  /** Microseconds. */
  readonly realtimePeriod?: Integer;
  /** List such as `0-3,7`. */
  readonly cpus?: string;
  /** List of memory nodes. */
  readonly mems?: string;
  /** 1 for SCHED_IDLE, 0 for the default. */
  readonly idle?: Integer;
}

/** config-linux.md#pids */
export interface Pids {
  /** Number of tasks; below 0 means no limit. */
  readonly limit?: Integer;
}

/** config-linux.md#block-io */
export interface BlockIO {
  /** 10 to 1000. */
  readonly weight?: number;
  readonly leafWeight?: number;
  readonly weightDevice?: readonly WeightDevice[];
  /** Bytes per second. */
  readonly throttleReadBpsDevice?: readonly ThrottleDevice[];
  readonly throttleWriteBpsDevice?: readonly ThrottleDevice[];
  /** Operations per second. */
  readonly throttleReadIOPSDevice?: readonly ThrottleDevice[];
  readonly throttleWriteIOPSDevice?: readonly ThrottleDevice[];
}

export interface WeightDevice {
  readonly major: Integer;
  readonly minor: Integer;
  readonly weight?: number;
  readonly leafWeight?: number;
}

export interface ThrottleDevice {
  readonly major: Integer;
  readonly minor: Integer;
  readonly rate: Integer;
}

/** config-linux.md#huge-page-limits */
export interface HugepageLimit {
  /** `64KB`, `2MB`, `1GB`. */
  readonly pageSize: string;
  /** Bytes. */
  readonly limit: Integer;
}

/** Used only by cgroup version 1. config-linux.md#network */
export interface Network {
  readonly classID?: number;
  readonly priorities?: readonly InterfacePriority[];
}

export interface InterfacePriority {
  readonly name: string;
  readonly priority: number;
}

/** config-linux.md#rdma */
export interface Rdma {
  readonly hcaHandles?: number;
  readonly hcaObjects?: number;
}
