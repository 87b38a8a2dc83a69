// SPDX-License-Identifier: Apache-2.0
import { locateAll } from '../bundle/locate.ts';
import { type ErrorFields, RuntimeError } from '../errors/error.ts';
import type { Config } from '../oci/config.ts';
import { checksOfNamespaces, checksOfProcesses } from '../plan/facilities.ts';
import { checkShape } from './check-shape.ts';
import { checkDeviceRules } from './checks/device-rules.ts';
import { checkDevices } from './checks/devices.ts';
import { checkAnnotations, checkRoot, checkVersion } from './checks/document.ts';
import { checkHooks } from './checks/hooks.ts';
import { checkIntelRdt } from './checks/intel-rdt.ts';
import { checkLandlock } from './checks/landlock.ts';
import { checkCgroupsPath, checkHiddenPaths, checkRootfsPropagation } from './checks/linux.ts';
import { checkMounts } from './checks/mounts.ts';
import { checkNamespaces } from './checks/namespaces.ts';
import { checkCapabilities, checkConsoleSize, checkEnvironment, checkProcess } from './checks/process.ts';
import { checkResources } from './checks/resources.ts';
import { checkRlimits } from './checks/rlimits.ts';
import { checkExecAffinity, checkScheduler } from './checks/scheduling.ts';
import { checkSeccomp } from './checks/seccomp.ts';
import { checkSysctl } from './checks/sysctl.ts';
import { checkTimeOffsets } from './checks/time.ts';
import { checkIdMappedMounts, checkUserNamespace } from './checks/user-namespace.ts';
import { completeConfig } from './complete.ts';
import { configShape } from './config-shape.ts';
import { type Check, CheckContext, type CheckOptions, type Draft, runChecks } from './context.ts';
import { isFull } from './findings.ts';

export type { CheckOptions } from './context.ts';

/** In the order of the reported problems. */
const checks: readonly Check[] = [
  checkVersion,
  checkRoot,
  checkProcess,
  checkEnvironment,
  checkConsoleSize,
  checkCapabilities,
  checkRlimits,
  checkScheduler,
  checkExecAffinity,
  checkNamespaces,
  checkTimeOffsets,
  checkUserNamespace,
  ...checksOfNamespaces,
  checkMounts,
  checkIdMappedMounts,
  checkDevices,
  checkSysctl,
  checkRootfsPropagation,
  checkHiddenPaths,
  checkCgroupsPath,
  checkSeccomp,
  checkHooks,
  checkDeviceRules,
  checkResources,
  checkIntelRdt,
  ...checksOfProcesses,
  checkAnnotations,
  checkLandlock,
];

export interface CheckedConfig {
  /** Undefined if there are problems. */
  readonly config: Config | undefined;
  /** All values with the right type, also if there are problems. */
  readonly draft: Draft<Config>;
  readonly problems: readonly ErrorFields[];
  /** Not fatal: `config.unknown-property`, `config.ignored`, ... */
  readonly warnings: readonly ErrorFields[];
}

/**
 * Checks the value of a config.json and reports all problems: the types first, then everything else. It is pure and
 * does not check whether named files and other objects exist.
 *
 * Property names in pointers have the spelling of the specification, even if the document has another one.
 */
export function checkConfig(document: unknown, options: CheckOptions = {}): CheckedConfig {
  const { value, problems, warnings } = checkShape(configShape, document, 'config.md');
  const draft = value as Draft<Config>;
  const context = new CheckContext(draft, options, problems, warnings);
  runChecks(checks, context);
  return { config: problems.length === 0 ? completeConfig(draft) : undefined, draft, problems, warnings };
}

export interface RequireOptions extends CheckOptions {
  /** The text of the document, from which lines and columns are computed. */
  readonly text?: string;
}

/**
 * Like checkConfig, for callers that require a valid config.
 *
 * @throws RuntimeError with the code, pointer and hint of the first problem, and all problems in `problems`
 */
export function requireConfig(
  document: unknown,
  options: RequireOptions = {},
): { readonly config: Config; readonly warnings: readonly ErrorFields[] } {
  const { config, problems, warnings } = checkConfig(document, options);
  if (config !== undefined) return { config, warnings };
  throw problemsError(problems, options.text);
}

function problemsError(problems: readonly ErrorFields[], text: string | undefined): RuntimeError {
  const places =
    text === undefined
      ? []
      : locateAll(
          text,
          problems.map(({ pointer = '' }) => pointer),
        );
  const located = problems.map((problem, index) => ({ ...problem, ...places[index] }));
  const first = located[0] as ErrorFields;
  const more = located.length - 1;
  const count = isFull(problems) ? `at least ${more}` : more;
  const message =
    more === 0 ? first.message : `${first.message} (and ${count} more problem${more === 1 ? '' : 's'})`;
  return new RuntimeError({ ...first, message, problems: located });
}
