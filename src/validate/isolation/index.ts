// SPDX-License-Identifier: Apache-2.0
import type { Config } from '../../oci/config.ts';
import type { Draft } from '../context.ts';
import { checkCapabilitySets } from './capabilities.ts';
import { checkDeviceNodes, checkDeviceRules } from './devices.ts';
import { checkHostPaths, checkPropagation } from './host-paths.ts';
import { checkKernelFiles, checkKernelMounts } from './kernel-files.ts';
import { checkHostNamespaces, checkHostRoot } from './namespaces.ts';
import { checkNoNewPrivileges, checkSeccomp } from './process.ts';
import type { IsolationCheck, Weakness } from './weakness.ts';

/** In the order of the reported weaknesses. */
const checks: readonly IsolationCheck[] = [
  checkHostNamespaces,
  checkHostRoot,
  checkCapabilitySets,
  checkNoNewPrivileges,
  checkSeccomp,
  checkKernelFiles,
  checkKernelMounts,
  checkHostPaths,
  checkPropagation,
  checkDeviceNodes,
  checkDeviceRules,
];

/** Returns everything in the config that weakens the isolation of the container. None of it is an error. */
export function findWeaknesses(config: Draft<Config>): Weakness[] {
  return checks.flatMap(check => check(config));
}
