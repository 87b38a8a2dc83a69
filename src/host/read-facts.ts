// SPDX-License-Identifier: Apache-2.0

import { RuntimeError } from '../errors/error.ts';
import { isSystemError, onHost } from '../errors/system.ts';
import { MAGIC } from '../kernel/files.ts';
import type { Binding } from './binding.d.ts';
import type { CgroupFacts, HostFacts } from './facts.ts';

/**
 * Reads the facts of the machine.
 *
 * @throws RuntimeError `host.unsupported` on a processor other than x86_64 and arm64
 */
export function readFacts(binding: Binding): HostFacts {
  const identity = onHost('unable to read the properties of this process', () => binding.identity());
  if (identity.machine !== 'x86_64' && identity.machine !== 'aarch64') {
    throw new RuntimeError({
      code: 'host.unsupported',
      value: identity.machine,
      message: `machine ${identity.machine} is not supported: only x86_64 and aarch64 are`,
    });
  }
  return {
    kernel: parseKernelRelease(identity.release),
    machine: identity.machine,
    euid: identity.euid,
    egid: identity.egid,
    capabilities: {
      bounding: identity.boundingCapabilities,
      permitted: identity.permittedCapabilities,
      last: identity.lastCapability,
    },
    ignoredSignals: identity.ignoredSignals,
    cgroup: readCgroupFacts(binding),
  };
}

/** Parses `6.1.0-18-amd64` as 6.1. An unknown format gives 0.0, older than every kernel. */
export function parseKernelRelease(release: string): HostFacts['kernel'] {
  const match = /^(\d+)\.(\d+)/.exec(release);
  return { release, major: Number(match?.[1] ?? 0), minor: Number(match?.[2] ?? 0) };
}

function readCgroupFacts(binding: Binding): CgroupFacts {
  const place = findCgroup2(binding);
  if (place === undefined) return { layout: 'none', mountpoint: '', own: '/' };
  return { ...place, own: ownCgroup(readProc(binding, '/proc/self/cgroup')) };
}

function findCgroup2(binding: Binding): Omit<CgroupFacts, 'own'> | undefined {
  const usual = [
    { layout: 'unified', mountpoint: '/sys/fs/cgroup' },
    { layout: 'hybrid', mountpoint: '/sys/fs/cgroup/unified' },
  ] as const;
  for (const place of usual) {
    if (binding.filesystemType(place.mountpoint) === MAGIC.CGROUP2_SUPER_MAGIC) return place;
  }
  const mountpoint = cgroup2Mountpoint(readProc(binding, '/proc/self/mountinfo'));
  return mountpoint === undefined ? undefined : { layout: 'hybrid', mountpoint };
}

/** Returns an empty text if /proc is not mounted; missing facts are not an error. */
function readProc(binding: Binding, path: string): string {
  try {
    return binding.readText(path);
  } catch (error) {
    if (isSystemError(error)) return '';
    throw error;
  }
}

/** Returns the first cgroup2 mount in a mountinfo text whose root is the root of the hierarchy. */
export function cgroup2Mountpoint(mountinfo: string): string | undefined {
  return mountpointOf(mountinfo, 'cgroup2');
}

/** Returns the first mount of this file system type whose root is `/`. */
export function mountpointOf(mountinfo: string, type: string): string | undefined {
  for (const line of mountinfo.split('\n')) {
    // A variable number of optional fields precedes the dash, therefore the type is located relative to the dash.
    const [mount = '', filesystem = ''] = line.split(' - ');
    const fields = mount.split(' ');
    const mountpoint = fields[4];
    if (filesystem.startsWith(`${type} `) && fields[3] === '/' && mountpoint !== undefined) {
      return unescapeOctal(mountpoint);
    }
  }
  return undefined;
}

/** Decodes the kernel's escapes in mountinfo: blanks, tabs, newlines and backslashes are written as `\040` and so on. */
export function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/**
 * Returns the cgroup of this process in the cgroup2 hierarchy, from the text of a cgroup file of procfs. Returns `/`
 * if the cgroup is outside of the cgroup namespace (`/../x`).
 */
export function ownCgroup(cgroup: string): string {
  for (const line of cgroup.split('\n')) {
    if (!line.startsWith('0::/')) continue;
    const path = line.slice('0::'.length).replace(/ \(deleted\)$/, '');
    return path.split('/').includes('..') ? '/' : path;
  }
  return '/';
}
