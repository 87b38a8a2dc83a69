// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { isSystemError, onHost } from '../errors/system.ts';
import type { Binding } from './binding.d.ts';
import type { CgroupFacts, HostFacts } from './facts.ts';

/** CGROUP2_SUPER_MAGIC of statfs(2). */
const cgroup2Magic = 0x63677270;

/**
 * Looks at the machine, once.
 *
 * @throws RuntimeError `host.unsupported` on a processor that is neither x86_64 nor arm64
 */
export function readFacts(binding: Binding): HostFacts {
  const identity = onHost('unable to look at this process', () => binding.identity());
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

/** `6.1.0-18-amd64` is 6.1. What cannot be read is 0.0, the oldest of all. */
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
    if (binding.filesystemType(place.mountpoint) === cgroup2Magic) return place;
  }
  const mountpoint = cgroup2Mountpoint(readProc(binding, '/proc/self/mountinfo'));
  return mountpoint === undefined ? undefined : { layout: 'hybrid', mountpoint };
}

/** Empty where /proc is not mounted: then nothing is known, which is no reason to fail. */
function readProc(binding: Binding, path: string): string {
  try {
    return binding.readText(path);
  } catch (error) {
    if (isSystemError(error)) return '';
    throw error;
  }
}

/** The first whole cgroup2 mount in the text of a mountinfo file (one whose root is the hierarchy's). */
export function cgroup2Mountpoint(mountinfo: string): string | undefined {
  return mountpointOf(mountinfo, 'cgroup2');
}

/** The first whole mount of a file system of this type. */
export function mountpointOf(mountinfo: string, type: string): string | undefined {
  for (const line of mountinfo.split('\n')) {
    // Optional fields of any number stand before the dash, so the type is found from there.
    const [mount = '', filesystem = ''] = line.split(' - ');
    const fields = mount.split(' ');
    const mountpoint = fields[4];
    if (filesystem.startsWith(`${type} `) && fields[3] === '/' && mountpoint !== undefined) {
      return unescapeOctal(mountpoint);
    }
  }
  return undefined;
}

/** The kernel writes blanks, tabs, newlines and backslashes in mountinfo as `\040` and so on. */
export function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/**
 * Our cgroup in the version 2 hierarchy, from the text of a cgroup file of procfs. `/` also where it cannot be reached:
 * outside of our cgroup namespace (`/../x`).
 */
export function ownCgroup(cgroup: string): string {
  for (const line of cgroup.split('\n')) {
    if (!line.startsWith('0::/')) continue;
    const path = line.slice('0::'.length).replace(/ \(deleted\)$/, '');
    return path.split('/').includes('..') ? '/' : path;
  }
  return '/';
}
