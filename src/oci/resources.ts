// SPDX-License-Identifier: Apache-2.0
import type { Integer } from './config.ts';

/** Limits of the cgroup. config-linux.md#control-groups */
export interface Resources {
  /** Rules in order; what they let through is decided by the last that matches. */
  readonly devices?: readonly DeviceCgroup[];
  readonly memory?: Memory;
  readonly cpu?: CPU;
  readonly pids?: Pids;
  readonly blockIO?: BlockIO;
  readonly hugepageLimits?: readonly HugepageLimit[];
  readonly network?: Network;
  /** By device. */
  readonly rdma?: Readonly<Record<string, Rdma>>;
  /** File name of cgroup v2 to its content. */
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
  /** Of the letters `r`, `w`, `m`. */
  readonly access?: string;
}

/** Bytes, -1 for no limit. config-linux.md#memory */
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
  /** Microseconds of CPU time in each `period`; not above 0 for no limit. */
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
  /** Tasks; below 0 for no limit. */
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

/** Version 1 of cgroups only. config-linux.md#network */
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
