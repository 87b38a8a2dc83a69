// SPDX-License-Identifier: Apache-2.0

/**
 * What a runtime can do, whatever the machine it is on: features.md. A list names what is recognized; `enabled` tells
 * whether the property of that name is carried out rather than refused.
 */
export interface Features {
  /** The lowest and the highest `ociVersion` of a config.json that is accepted. */
  readonly ociVersionMin: string;
  readonly ociVersionMax: string;
  readonly hooks: readonly string[];
  /** Words of `mounts[].options` that do not belong to a file system. */
  readonly mountOptions: readonly string[];
  readonly linux: LinuxFeatures;
  /** Of this build. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Annotations of a config.json that change what the runtime does; one that ends with a dot stands for all such. */
  readonly potentiallyUnsafeConfigAnnotations: readonly string[];
}

/** features-linux.md */
export interface LinuxFeatures {
  readonly namespaces: readonly string[];
  readonly capabilities: readonly string[];
  readonly cgroup: {
    readonly v1: boolean;
    readonly v2: boolean;
    readonly systemd: boolean;
    readonly systemdUser: boolean;
    readonly rdma: boolean;
  };
  readonly seccomp: SeccompFeatures;
  readonly apparmor: Enabled;
  readonly selinux: Enabled;
  readonly intelRdt: Enabled & { readonly schemata: boolean; readonly monitoring: boolean };
  /** Absent while `linux.memoryPolicy` is refused. */
  readonly memoryPolicy?: { readonly modes: readonly string[]; readonly flags: readonly string[] };
  readonly mountExtensions: { readonly idmap: Enabled };
  readonly netDevices: Enabled;
}

/** The lists are absent while `linux.seccomp` is refused. */
export interface SeccompFeatures extends Enabled {
  readonly actions?: readonly string[];
  readonly operators?: readonly string[];
  readonly archs?: readonly string[];
  readonly knownFlags?: readonly string[];
  /** Those of the known ones that the running kernel takes: the one thing that is the machine's. */
  readonly supportedFlags?: readonly string[];
}

export interface Enabled {
  readonly enabled: boolean;
}
