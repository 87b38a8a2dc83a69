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

/** In the order in which they are told. */
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

/** All that weakens the isolation of a container with this config. None of it is wrong. */
export function findWeaknesses(config: Draft<Config>): Weakness[] {
  return checks.flatMap(check => check(config));
}
