// SPDX-License-Identifier: Apache-2.0
import type { Config } from '../oci/config.ts';
import type { Step } from '../wire/steps.ts';
import { containerPath } from './context.ts';

/**
 * linux.readonlyPaths, then linux.maskedPaths: a path in both is masked, as the cover comes to lie on top. A path that
 * is masked twice gets one cover.
 */
export function restrictedPathSteps(config: Config): Step[] {
  const steps: Step[] = [];
  config.linux?.readonlyPaths?.forEach((path, index) => {
    steps.push({
      op: 'readonlyPath',
      origin: `/linux/readonlyPaths/${index}`,
      path: containerPath(path),
    });
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
