// SPDX-License-Identifier: Apache-2.0
import type { Linux } from '../oci/config.ts';
import type { Step } from '../wire/steps.ts';
import { memoryPolicySteps } from './memory-policy.ts';
import { personalitySteps } from './personality.ts';

/** The properties of `linux` that apply to every process of the container. */
export function sharedSteps(linux: Linux): Step[] {
  return [...personalitySteps(linux), ...memoryPolicySteps(linux)];
}
