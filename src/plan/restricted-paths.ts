// SPDX-License-Identifier: Apache-2.0
import type { Config } from '../oci/config.ts';
import type { Step } from '../wire/steps.ts';
import { containerPath } from './context.ts';
import { ownsDev } from './devices.ts';

/**
 * A mask covers files with the container's null device, which the runtime makes unless the config brings /dev or that
 * file: then the host's may be needed, which is out of reach after the pivot.
 */
export function nullDeviceSteps(config: Config): Step[] {
  if ((config.linux?.maskedPaths ?? []).length === 0) return [];
  const covered = (config.mounts ?? []).some(({ destination }) => containerPath(destination) === '/dev/null');
  return covered || !ownsDev(config) ? [{ op: 'keepNullDevice', origin: '/linux/maskedPaths' }] : [];
}

/** The refusal of a mask that would cover the whole root. */
export function rootMask(path: string): string {
  return `can't mask path ${JSON.stringify(path)}: it is the root of the container`;
}

/**
 * linux.readonlyPaths, then linux.maskedPaths: a path in both is masked, as the cover comes to lie on top. A path that
 * is masked twice gets one cover.
 */
export function restrictedPathSteps(config: Config): Step[] {
  const steps: Step[] = [];
  config.linux?.readonlyPaths?.forEach((path, index) => {
    const origin = `/linux/readonlyPaths/${index}`;
    // The root cannot be covered: what is in it already would not see that.
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
