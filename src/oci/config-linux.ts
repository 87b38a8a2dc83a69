// SPDX-License-Identifier: Apache-2.0
import type { LinuxOfFacilities } from '../plan/facilities.ts';
import type { IDMapping, Integer } from './config.ts';
import type { NamespaceType } from './namespaces.ts';
import type { Resources } from './resources.ts';
import type { Seccomp } from './seccomp.ts';

/** config-linux.md */
export interface Linux extends LinuxOfFacilities {
  readonly namespaces?: readonly Namespace[];
  readonly uidMappings?: readonly IDMapping[];
  readonly gidMappings?: readonly IDMapping[];
  readonly timeOffsets?: TimeOffsets;
  /** Created in addition to the default devices; one with the path of a default device replaces it. */
  readonly devices?: readonly Device[];
  /**
   * An absolute path starts at the root of the hierarchy, and a relative path at the parent of the runtime's own cgroup.
   * Without `..` elements. With systemd: `slice:prefix:name`.
   */
  readonly cgroupsPath?: string;
  readonly resources?: Resources;
  /** Keys in both formats of sysctl(8): `net.ipv4.ip_forward`, `net/ipv4/ip_forward`. */
  readonly sysctl?: Readonly<Record<string, string>>;
  readonly seccomp?: Seccomp;
  /** Propagation of the root and of the mount namespace. Default: the root is private, the namespace `rslave`. */
  readonly rootfsPropagation?: RootfsPropagation;
  /** Absolute paths in the container to hide. */
  readonly maskedPaths?: readonly string[];
  /** Absolute paths in the container. */
  readonly readonlyPaths?: readonly string[];
  /** SELinux context of the mounts. */
  readonly mountLabel?: string;
  readonly intelRdt?: IntelRdt;
}

/** config-linux.md#namespaces */
export interface Namespace {
  readonly type: NamespaceType;
  /** Absolute host path of a namespace to join. Default: a new namespace. */
  readonly path?: string;
}

export const timeClocks = ['boottime', 'monotonic'] as const;

/** config-linux.md#offset-for-time-namespace */
export type TimeOffsets = { readonly [Clock in (typeof timeClocks)[number]]?: TimeOffset };

export interface TimeOffset {
  readonly secs?: Integer;
  readonly nanosecs?: number;
}

/** config-linux.md#devices */
export interface Device {
  /** `c` and `u`: character device, `b`: block device, `p`: FIFO. */
  readonly type: 'c' | 'b' | 'u' | 'p';
  /** Absolute, in the container. */
  readonly path: string;
  /** Always set for `c`, `u` and `b`. */
  readonly major?: number;
  readonly minor?: number;
  /** Permission bits; a file type in the value is ignored. Default 0o666. */
  readonly fileMode?: number;
  /** Default 0. */
  readonly uid?: number;
  readonly gid?: number;
}

export const rootfsPropagations = [
  'private',
  'rprivate',
  'shared',
  'rshared',
  'slave',
  'rslave',
  'unbindable',
  'runbindable',
] as const;

/** config-linux.md#rootfs-mount-propagation; the values that begin with `r` and continue with another value are from runc. */
export type RootfsPropagation = (typeof rootfsPropagations)[number];

/** A resctrl class of service, on processors of any vendor. config-linux.md#intelrdt */
export interface IntelRdt {
  /** Name of its directory; `/` for the default class. Default: a class of the container itself, named by its id. */
  readonly closID?: string;
  /** Lines for its `schemata` file, written last. */
  readonly schemata?: readonly string[];
  /** For example `L3:0=7f0;1=1f`. */
  readonly l3CacheSchema?: string;
  /** One line: `MB:0=20;1=70`. */
  readonly memBwSchema?: string;
  /** Create a monitoring group for the container. Default false. */
  readonly enableMonitoring?: boolean;
}

/** New schemata for the container's class of service. */
export type RdtUpdate = Pick<IntelRdt, 'l3CacheSchema' | 'memBwSchema'>;
