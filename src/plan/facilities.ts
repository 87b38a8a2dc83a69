// SPDX-License-Identifier: Apache-2.0
import type { Operation } from '../wire/steps.ts';
import { capabilitiesFacility } from './capabilities.ts';
import { devicesFacility } from './devices.ts';
import { hooksFacility } from './hooks.ts';
import { keyringFacility } from './keyring.ts';
import { labelsFacility } from './labels.ts';
import { memoryPolicyFacility } from './memory-policy.ts';
import { mountsFacility } from './mounts.ts';
import { namespacesFacility } from './namespaces.ts';
import { personalityFacility } from './personality.ts';
import { processFacility } from './process.ts';
import { programFacility } from './program.ts';
import { restrictedPathsFacility } from './restricted-paths.ts';
import { rlimitsFacility } from './rlimits.ts';
import { rootMountFacility } from './root-mount.ts';
import { rootfsFacility } from './rootfs.ts';
import { schedulingFacility } from './scheduling.ts';
import { seccompFacility } from './seccomp.ts';
import { signalsFacility } from './signals.ts';
import { syncFacility } from './sync-points.ts';
import { sysctlFacility } from './sysctl.ts';
import { terminalFacility } from './terminal.ts';
import { timeNamespaceFacility } from './time-namespace.ts';
import { userNamespaceFacility } from './user-namespace.ts';
import { utsFacility } from './uts-names.ts';

/** All facilities. The wire format numbers their operations in this order. */
export const facilities = [
  signalsFacility,
  namespacesFacility,
  userNamespaceFacility,
  timeNamespaceFacility,
  rootfsFacility,
  rootMountFacility,
  mountsFacility,
  labelsFacility,
  devicesFacility,
  utsFacility,
  sysctlFacility,
  restrictedPathsFacility,
  keyringFacility,
  rlimitsFacility,
  schedulingFacility,
  personalityFacility,
  memoryPolicyFacility,
  terminalFacility,
  capabilitiesFacility,
  processFacility,
  programFacility,
  syncFacility,
  hooksFacility,
  seccompFacility,
] as const;

/** The facility that has this operation. */
export function facilityOf(op: Operation): (typeof facilities)[number] {
  return facilities.find(({ steps }) => Object.hasOwn(steps, op)) as (typeof facilities)[number];
}
