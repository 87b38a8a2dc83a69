// SPDX-License-Identifier: Apache-2.0
import type { ErrorFields } from '../errors/error.ts';
import type { Config, Process } from '../oci/config.ts';
import { checkCapabilities, checkConsoleSize, checkEnvironment, checkProcess } from './checks/process.ts';
import { checkRlimits } from './checks/rlimits.ts';
import { checkExecAffinity, checkScheduler } from './checks/scheduling.ts';
import { completeProcess } from './complete.ts';
import { type Check, CheckContext, type Draft, runChecks } from './context.ts';
import { type Inherited, inherit } from './inherit.ts';
import { process as processShape } from './process-shape.ts';
import type { ObjectShape } from './shape.ts';
import { walk } from './walk.ts';

export interface CheckedProcess {
  /** Undefined when there are problems. */
  readonly process: Process | undefined;
  /** The properties of it that are the container's. */
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
 * Checks a process document (`exec --process`) as config.json's `process` is checked. Pointers are into the document.
 *
 * @param container - the container's own process, checked: the source of what the document leaves out. Default: none
 */
export function checkProcessDocument(document: unknown, container: Partial<Process> = {}): CheckedProcess {
  const { value, problems, warnings } = walk(
    processShape as ObjectShape,
    document,
    'config.md#process',
    'the process',
  );
  const found: ErrorFields[] = problems.map(fields => ({
    ...fields,
    pointer: within + (fields.pointer ?? ''),
  }));
  const told: ErrorFields[] = warnings.map(fields => ({
    ...fields,
    pointer: within + (fields.pointer ?? ''),
  }));
  const inherited = inherit(value, container);
  const { cwd } = inherited.process;
  // The checks know a process by its place in a config. Of what is inherited they get only what is required.
  const checked = cwd === undefined ? value : { ...value, cwd };
  const context = new CheckContext({ process: checked } as Draft<Config>, {}, found, told);
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
    warnings: told.map(inDocument),
  };
}
