// SPDX-License-Identifier: Apache-2.0
import type { ErrorCode } from '../errors/codes.ts';
import { RuntimeError } from '../errors/error.ts';
import { isBelow } from '../host/paths.ts';

/** Bits in the `flags` field of mount, bind and mountCgroup. */
export const mountFlags = {
  /** The target must be a directory whose path has no symbolic links (proc, sysfs). */
  ordinaryDirectory: 1,
  /** The target may be inside a procfs. */
  insideProc: 2,
  /** The new tmpfs gets the mode of an existing target, unless the options set one. */
  inheritMode: 4,
  /** The contents of the target are copied into the new tmpfs. */
  copyUp: 8,
  /** The target is /proc itself: the source of the bind mount must be the root of a procfs. */
  sourceIsProc: 16,
} as const;

/** Files of /proc that a mount may cover: tools such as lxcfs show a container its own limits there. */
const coverable = [
  '/proc/cpuinfo',
  '/proc/diskstats',
  '/proc/loadavg',
  '/proc/meminfo',
  '/proc/slabinfo',
  '/proc/stat',
  '/proc/swaps',
  '/proc/sys/crypto/fips_enabled',
  '/proc/sys/kernel/ns_last_pid',
  '/proc/uptime',
];

/**
 * Returns the `mountFlags` of a target. A mount over a file of /proc could fake files that the runtime or a security
 * module writes (CVE-2019-16884). Such a path is refused here, and by the executor if symbolic links lead there.
 *
 * @param target - clean and absolute
 * @param fstype - undefined for a bind
 * @throws RuntimeError `config.mount.root`, `config.mount.proc`, `config.mount.inside-proc`
 */
export function targetFlags(target: string, fstype: string | undefined, index: number): number {
  const refuse = (code: ErrorCode, message: string, hint?: string): RuntimeError =>
    new RuntimeError({
      code,
      pointer: `/mounts/${index}/destination`,
      path: target,
      spec: 'config.md#mounts',
      message,
      hint,
    });
  if (target === '/') {
    throw refuse(
      'config.mount.root',
      'mountpoint "/" is on the top of rootfs: nothing can be mounted over the root itself',
      'only the first entry of mounts, of type overlay, can be the root; otherwise it comes from root.path',
    );
  }
  if (target === '/proc') {
    if (fstype === undefined) return mountFlags.sourceIsProc;
    if (fstype === 'proc') return mountFlags.ordinaryDirectory;
    throw refuse(
      'config.mount.proc',
      `"/proc" cannot be mounted because it is not of type proc but ${fstype}`,
    );
  }
  if (isBelow(target, '/proc')) {
    if (!coverable.includes(target)) {
      throw refuse(
        'config.mount.inside-proc',
        `${JSON.stringify(target)} cannot be mounted because it is inside /proc`,
        `only these can be covered: ${coverable.join(' ')}; use maskedPaths to hide others`,
      );
    }
    return mountFlags.insideProc;
  }
  return fstype === 'proc' || fstype === 'sysfs' ? mountFlags.ordinaryDirectory : 0;
}
