// SPDX-License-Identifier: Apache-2.0
import type { FeaturesOfFacilities } from '../plan/facilities.ts';

/**
 * The features of the runtime, independent of the machine: features.md. A list contains the recognized values;
 * `enabled` is true if the runtime implements the property instead of rejecting it.
 */
export interface Features {
  /** The lowest and the highest accepted `ociVersion` of a config.json. */
  readonly ociVersionMin: string;
  readonly ociVersionMax: string;
  readonly hooks: readonly string[];
  /** Values of `mounts[].options` that are not specific to a file system. */
  readonly mountOptions: readonly string[];
  readonly linux: LinuxFeatures;
  /** Annotations of this build. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Annotations of a config.json that change the behaviour of the runtime; a final dot marks a prefix. */
  readonly potentiallyUnsafeConfigAnnotations: readonly string[];
}

/** features-linux.md */
export interface LinuxFeatures extends FeaturesOfFacilities {
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
}

/** The lists are absent if `linux.seccomp` is rejected. */
export interface SeccompFeatures extends Enabled {
  readonly actions?: readonly string[];
  readonly operators?: readonly string[];
  readonly archs?: readonly string[];
  readonly knownFlags?: readonly string[];
  /** The known flags that the running kernel supports; only this list depends on the machine. */
  readonly supportedFlags?: readonly string[];
}

export interface Enabled {
  readonly enabled: boolean;
}
