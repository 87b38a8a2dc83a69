// SPDX-License-Identifier: Apache-2.0
import type { IDMapping, Integer } from './config.ts';
import type { NamespaceType } from './namespaces.ts';
import type { Resources } from './resources.ts';
import type { Seccomp } from './seccomp.ts';

/** config-linux.md */
export interface Linux {
  readonly namespaces?: readonly Namespace[];
  readonly uidMappings?: readonly IDMapping[];
  readonly gidMappings?: readonly IDMapping[];
  readonly timeOffsets?: TimeOffsets;
  /** Made beside the default ones. */
  readonly devices?: readonly Device[];
  /** Interfaces of the host that move into the container, by their name on the host. */
  readonly netDevices?: Readonly<Record<string, NetDevice>>;
  /** Absolute from the root of the hierarchy, else below the runtime's own cgroup. Without `..` elements. */
  readonly cgroupsPath?: string;
  readonly resources?: Resources;
  /** Keys in either form of sysctl(8): `net.ipv4.ip_forward`, `net/ipv4/ip_forward`. */
  readonly sysctl?: Readonly<Record<string, string>>;
  readonly seccomp?: Seccomp;
  /** Of the mount namespace's root. Default `rslave`. */
  readonly rootfsPropagation?: RootfsPropagation;
  /** Absolute paths in the container that read as nothing. */
  readonly maskedPaths?: readonly string[];
  /** Absolute paths in the container. */
  readonly readonlyPaths?: readonly string[];
  /** SELinux context of the mounts. */
  readonly mountLabel?: string;
  readonly intelRdt?: IntelRdt;
  readonly memoryPolicy?: MemoryPolicy;
  readonly personality?: Personality;
}

/** config-linux.md#namespaces */
export interface Namespace {
  readonly type: NamespaceType;
  /** Absolute host path of a namespace to join. Absent: a new one. */
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
  /** Always there for `c`, `u` and `b`. */
  readonly major?: number;
  readonly minor?: number;
  /** Permission bits; a file type in it is ignored. Default 0o666. */
  readonly fileMode?: number;
  /** Default 0. */
  readonly uid?: number;
  readonly gid?: number;
}

/** config-linux.md#network-devices */
export interface NetDevice {
  /** In the container. Default: the host's. */
  readonly name?: string;
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

/** config-linux.md#rootfs-mount-propagation; the `r` forms are runc's. */
export type RootfsPropagation = (typeof rootfsPropagations)[number];

/** A class of service of the kernel's resctrl, also where the processor is not Intel's. config-linux.md#intelrdt */
export interface IntelRdt {
  /** Its directory; `/` for the default class. Absent: one of the container's own, named by its id. */
  readonly closID?: string;
  /** Lines of its file `schemata`, written last. */
  readonly schemata?: readonly string[];
  /** One such line: `L3:0=7f0;1=1f`. */
  readonly l3CacheSchema?: string;
  /** One such line: `MB:0=20;1=70`. */
  readonly memBwSchema?: string;
  /** A monitoring group of the container's own. Default false. */
  readonly enableMonitoring?: boolean;
}

/** New schemata for the class of service of a container. */
export type RdtUpdate = Pick<IntelRdt, 'l3CacheSchema' | 'memBwSchema'>;

export const memoryPolicyModes = [
  'MPOL_DEFAULT',
  'MPOL_BIND',
  'MPOL_INTERLEAVE',
  'MPOL_WEIGHTED_INTERLEAVE',
  'MPOL_PREFERRED',
  'MPOL_PREFERRED_MANY',
  'MPOL_LOCAL',
] as const;

export const memoryPolicyFlags = [
  'MPOL_F_NUMA_BALANCING',
  'MPOL_F_RELATIVE_NODES',
  'MPOL_F_STATIC_NODES',
] as const;

/** set_mempolicy(2). config-linux.md#memory-policy */
export interface MemoryPolicy {
  readonly mode?: (typeof memoryPolicyModes)[number];
  /** List of nodes such as `0-3,7`. */
  readonly nodes?: string;
  readonly flags?: readonly (typeof memoryPolicyFlags)[number][];
}

export const personalityDomains = ['LINUX', 'LINUX32'] as const;

/** personality(2). config-linux.md#personality */
export interface Personality {
  readonly domain?: (typeof personalityDomains)[number];
  readonly flags?: readonly string[];
}
