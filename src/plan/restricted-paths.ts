// SPDX-License-Identifier: Apache-2.0

import { errno } from '../errors/errno.ts';
import type { Config } from '../oci/config.ts';
import type { Step } from '../wire/steps.ts';
import { containerPath } from './context.ts';
import { ownsDev } from './devices.ts';
import type { Facility } from './facility.ts';

/**
 * A mask covers files with the container's null device. The runtime makes that device unless the config mounts /dev or
 * the file itself. In that case the host's device may be needed, which is out of reach after the pivot.
 */
export function nullDeviceSteps(config: Config): Step[] {
  if ((config.linux?.maskedPaths ?? []).length === 0) return [];
  const covered = (config.mounts ?? []).some(({ destination }) => containerPath(destination) === '/dev/null');
  return covered || !ownsDev(config) ? [{ op: 'keepNullDevice', origin: '/linux/maskedPaths' }] : [];
}

/** Error text for a mask that would cover the whole root. */
export function rootMask(path: string): string {
  return `can't mask path ${JSON.stringify(path)}: it is the root of the container`;
}

/**
 * linux.readonlyPaths, then linux.maskedPaths: a path in both is masked, because the later cover is on top. A path that
 * is masked twice gets one cover.
 */
export function restrictedPathSteps(config: Config): Step[] {
  const steps: Step[] = [];
  config.linux?.readonlyPaths?.forEach((path, index) => {
    const origin = `/linux/readonlyPaths/${index}`;
    // The root cannot be covered, because a mount over it does not affect processes that already have it as their root.
    if (containerPath(path) === '/') steps.push({ op: 'sealRoot', origin });
    else steps.push({ op: 'readonlyPath', origin, path: containerPath(path) });
  });
  const masked = new Set<string>();
  config.linux?.maskedPaths?.forEach((given, index) => {
    const path = containerPath(given);
    if (masked.has(path)) return;
    masked.add(path);
    steps.push({ op: 'maskPath', origin: `/linux/maskedPaths/${index}`, path });
  });
  return steps;
}

const steps = {
  /**
   * Makes the path in the root a read-only mount of itself; if a symbolic link leads to the root, makes the root
   * mount read-only. A missing path is skipped.
   */
  readonlyPath: { path: 'text' },
  /**
   * Mounts a null device over a file, or an empty read-only directory over a directory. A missing path is skipped; a
   * path that leads to the root fails with EBUSY.
   */
  maskPath: { path: 'text' },
  /** Clones the host's /dev/null for the masks of a container without a null device. Before the pivot. */
  keepNullDevice: {},
} as const;

/** Read-only and masked paths. */
export const restrictedPathsFacility: Facility<typeof steps> = {
  steps,
  explain: {
    readonlyPath: ({ path }, { called }) => ({
      code: 'container.path',
      message: `can't make ${JSON.stringify(path)} read-only: ${called}`,
    }),
    maskPath: ({ path }, { called, report }) => ({
      code: 'container.path',
      message:
        report.syscall === 'openat2' && report.errno === errno.EBUSY
          ? rootMask(path)
          : `can't mask path ${JSON.stringify(path)}: ${called}`,
    }),
  },
  hints: () => ({
    maskPath: {
      [errno.ENODEV]:
        '/dev/null, which masks files, must be the null device (1:3) in the container or on the host',
      [errno.EBUSY]: 'a symbolic link leads to the root: mask directories in it, or use readonlyPaths',
    },
  }),
};
