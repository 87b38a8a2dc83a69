// SPDX-License-Identifier: Apache-2.0
import type { ErrorFields } from '../errors/error.ts';
import type { Config, Process } from '../oci/config.ts';
import type { ObjectShape } from '../oci/shape.ts';
import { checkShape } from './check-shape.ts';
import { checkCapabilities, checkConsoleSize, checkEnvironment, checkProcess } from './checks/process.ts';
import { checkRlimits } from './checks/rlimits.ts';
import { checkExecAffinity, checkScheduler } from './checks/scheduling.ts';
import { completeProcess } from './complete.ts';
import { type Check, CheckContext, type Draft, runChecks } from './context.ts';
import { type Inherited, inherit } from './inherit.ts';
import { processShape } from './process-shape.ts';

export interface CheckedProcess {
  /** Undefined if there are problems. */
  readonly process: Process | undefined;
  /** The properties that are inherited from the container's process. */
  readonly inherited: Inherited;
  readonly problems: readonly ErrorFields[];
  readonly warnings: readonly ErrorFields[];
}

const within = '/process';

const checks: readonly Check[] = [
  checkProcess,
  checkEnvironment,
  checkConsoleSize,
  checkCapabilities,
  checkRlimits,
  checkScheduler,
  checkExecAffinity,
];

/**
 * Checks a process document (`exec --process`) with the rules for `process` of config.json. Pointers refer to the
 * document.
 *
 * @param container - the container's own process, already checked: the source of missing properties. Default: none
 */
export function checkProcessDocument(document: unknown, container: Partial<Process> = {}): CheckedProcess {
  const { value, problems, warnings } = checkShape(
    processShape as ObjectShape,
    document,
    'config.md#process',
    'the process',
  );
  const found: ErrorFields[] = problems.map(fields => ({
    ...fields,
    pointer: within + (fields.pointer ?? ''),
  }));
  const foundWarnings: ErrorFields[] = warnings.map(fields => ({
    ...fields,
    pointer: within + (fields.pointer ?? ''),
  }));
  const inherited = inherit(value, container);
  const { cwd } = inherited.process;
  // The checks expect the process inside a config. Of the inherited properties, they need only the required one.
  const checked = cwd === undefined ? value : { ...value, cwd };
  const context = new CheckContext({ process: checked } as Draft<Config>, {}, found, foundWarnings);
  runChecks(checks, context);
  const inDocument = (fields: ErrorFields): ErrorFields => ({
    ...fields,
    pointer: (fields.pointer ?? '').slice(within.length),
  });
  return {
    process:
      found.length === 0
        ? completeProcess({ ...value, ...inherited.process } as unknown as Process)
        : undefined,
    inherited,
    problems: found.map(inDocument),
    warnings: foundWarnings.map(inDocument),
  };
}
