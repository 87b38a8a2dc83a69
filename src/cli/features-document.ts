// SPDX-License-Identifier: Apache-2.0
import type { HostFacts } from '../host/facts.ts';
import { capabilityNumbers } from '../kernel/capabilities.ts';
import { attachmentPrefix } from '../network/attachment.ts';
import type { Features, SeccompFeatures } from '../oci/features.ts';
import { namespaceFlags } from '../oci/namespaces.ts';
import { implemented } from '../oci/shape.ts';
import { ociVersion, ociVersionMin } from '../oci/version.ts';
import { featuresOfFacilities } from '../plan/facilities.ts';
import { plainOptions, propagationOptions, recursiveOptions } from '../plan/mount-option-table.ts';
import { readMountWords } from '../plan/mount-options.ts';
import { configShape } from '../validate/config-shape.ts';
import { version } from './version.ts';

/**
 * Returns the features document (features.md), derived from existing tables: a property is included if its shape is
 * implemented, a value if the table that the plan uses contains it.
 *
 * @param kernel - affects only `supportedFlags`; everything else depends on the build
 */
export function featuresDocument(kernel: HostFacts['kernel']): Features {
  const has = (...names: string[]): boolean => implemented(configShape, ...names) !== undefined;
  return {
    ociVersionMin,
    ociVersionMax: ociVersion,
    hooks: names('hooks'),
    mountOptions: mountOptions(),
    linux: {
      namespaces: Object.keys(namespaceFlags),
      capabilities: Object.keys(capabilityNumbers),
      cgroup: {
        v1: false,
        v2: true,
        systemd: true,
        systemdUser: false,
        rdma: has('linux', 'resources', 'rdma'),
      },
      seccomp: seccomp(kernel),
      apparmor: { enabled: has('process', 'apparmorProfile') },
      selinux: { enabled: has('process', 'selinuxLabel') },
      intelRdt: {
        enabled: has('linux', 'intelRdt'),
        schemata: has('linux', 'intelRdt', 'schemata'),
        monitoring: has('linux', 'intelRdt', 'enableMonitoring'),
      },
      ...featuresOfFacilities(),
    },
    annotations: {
      // runc's name, which engines expect.
      'org.opencontainers.runc.checkpoint.enabled': 'true',
      'tsubo.attach': '1',
      'tsubo.landlock': '1',
      'tsubo.rootMount': 'overlay',
      'tsubo.version': version,
    },
    potentiallyUnsafeConfigAnnotations: ['org.criu.config', 'org.systemd.property.', attachmentPrefix],
  };
}

/** Returns the values of a string property of the config, sorted. */
function words(...path: readonly string[]): string[] {
  const shape = implemented(configShape, ...path);
  const values = shape?.kind === 'string' ? shape.values : undefined;
  return [...(values ?? [])].sort();
}

/** Returns the properties of an object in the config. */
function names(...path: readonly string[]): string[] {
  const shape = implemented(configShape, ...path);
  if (shape?.kind !== 'object') return [];
  return Object.keys(shape.properties).filter(name => implemented(shape, name) !== undefined);
}

function mountOptions(): string[] {
  const known = [
    ...Object.keys(plainOptions),
    ...Object.keys(propagationOptions),
    ...Object.keys(recursiveOptions),
    'tmpcopyup',
    'idmap',
    'ridmap',
  ];
  return known.filter(recognized).sort();
}

/** Parses the option like the plan does: a known option may be rejected, or passed to the file system. */
function recognized(word: string): boolean {
  try {
    const mount = { destination: '/mnt', type: 'tmpfs', options: [word] };
    return readMountWords(mount, 0).filesystem.length === 0;
  } catch {
    return false;
  }
}

function seccomp({ major, minor }: HostFacts['kernel']): SeccompFeatures {
  if (implemented(configShape, 'linux', 'seccomp') === undefined) return { enabled: false };
  const knownFlags = words('linux', 'seccomp', 'flags');
  return {
    enabled: true,
    actions: words('linux', 'seccomp', 'defaultAction'),
    operators: words('linux', 'seccomp', 'syscalls', 'args', 'op'),
    archs: words('linux', 'seccomp', 'architectures'),
    knownFlags,
    supportedFlags: knownFlags.filter(flag => {
      const [since = 0, sinceMinor = 0] = flagsSince[flag] ?? [];
      return major > since || (major === since && minor >= sinceMinor);
    }),
  };
}

/** The first kernel version with a flag of seccomp(2), if it is newer than the oldest supported kernel. */
const flagsSince: Readonly<Record<string, readonly [major: number, minor: number]>> = {
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: [5, 19],
};
