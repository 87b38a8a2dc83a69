// SPDX-License-Identifier: Apache-2.0

import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Report } from '../host/binding.d.ts';
import { entryPath } from '../host/paths.ts';
import { O } from '../kernel/files.ts';
import type { Config, Process } from '../oci/config.ts';
import { lookUp } from '../oci/look-up.ts';
import type { Seccomp } from '../oci/seccomp.ts';
import type { LoadSeccomp } from '../plan/context.ts';
import { explainFailure } from '../plan/explain.ts';
import { type SharedProperties, sharedProperties } from '../plan/facilities.ts';
import type { ItemPlace, Operations } from '../plan/facility.ts';
import { type Landlock, landlockOf } from '../plan/landlock.ts';
import type { Listener } from '../plan/listener.ts';
import type { Plan } from '../plan/plan.ts';
import { checkProcessDocument } from '../validate/check-process.ts';
import { type Step, vocabulary } from '../wire/steps.ts';
import type { HostOperation } from './host-context.ts';
import { files } from './record.ts';
import type { Runtime } from './runtime.ts';
import { damaged, stateDirectory } from './store.ts';

/** Version of the exec.json format. */
const version = 2;

/**
 * Parts of the config and the plan, in the form that later commands use. They have their own file because every command
 * reads the record, `list` reads a thousand records, and few commands read this.
 */
export interface ExecData {
  readonly version: typeof version;
  /** Absent if JSON cannot represent it: config.json is then read and checked again. */
  readonly inherited?: InheritedProcess;
  readonly afterReady: AfterReady;
}

/** Properties that every process of the container starts with, checked and completed. */
export interface InheritedProcess {
  readonly process: Process;
  readonly linux: SharedProperties;
  readonly seccomp?: InheritedFilter;
  readonly landlock?: Landlock;
}

/** linux.seccomp: the listener, and the filter as loaded in the container. */
export interface InheritedFilter extends Listener {
  readonly flags: number;
  /** Two 32-bit numbers for each BPF instruction. */
  readonly words: readonly number[];
}

/** Writes the file once, before any command reads it. */
export const saveExecData: HostOperation<'saveExecData'> = {
  apply(_, { runtime, plan, container, stateDirectory: directory }) {
    onHost('unable to write the file with the data for exec', () =>
      writeExecData(runtime, directory, container.prepared.config, plan),
    );
  },
};

export function writeExecData(runtime: Runtime, directory: string, config: Config, plan: Plan): void {
  const { seccomp } = config.linux ?? {};
  const filter = seccomp === undefined ? undefined : keepFilter(seccomp, plan);
  const landlock = landlockOf(config.annotations);
  const inherited: InheritedProcess = {
    process: config.process,
    linux: sharedProperties(config.linux),
    ...(filter !== undefined && { seccomp: filter }),
    ...(landlock !== undefined && { landlock }),
  };
  // A plan without a program has no loadSeccomp step. Nothing is kept then: an exec must not run without the filter.
  const whole = config.process.args.length > 0 && (seccomp === undefined) === (filter === undefined);
  const kept = whole ? exact(inherited) : undefined;
  const afterReady = JSON.stringify(stepsForStart(plan), rounded);
  const text = `{"version":${version},${kept === undefined ? '' : `"inherited":${kept},`}"afterReady":${afterReady}}`;
  const path = entryPath(directory, files.execData);
  runtime.binding.writeText(path, text, O.O_CREAT | O.O_EXCL, 0o600);
}

function keepFilter({ listenerPath, listenerMetadata }: Seccomp, plan: Plan): InheritedFilter | undefined {
  for (const step of plan.container) {
    if (step.op !== 'loadSeccomp') continue;
    const { flags, program } = step;
    const { buffer, byteOffset, length } =
      program instanceof BigUint64Array ? program : BigUint64Array.from(program, BigInt);
    const words = [...new Uint32Array(buffer, byteOffset, length * 2)];
    return {
      ...(listenerPath !== undefined && { listenerPath }),
      ...(listenerMetadata !== undefined && { listenerMetadata }),
      flags: Number(flags),
      words,
    };
  }
  return undefined;
}

/** Returns the step that loads the stored filter. */
export function loadInheritedFilter({ flags, words }: InheritedFilter): LoadSeccomp {
  const program = new BigUint64Array(new Uint32Array(words).buffer);
  return { op: 'loadSeccomp', origin: '/linux/seccomp', program, flags };
}

/** Returns undefined if a number is a bigint (RLIM_INFINITY written out): JSON.stringify fails with TypeError. */
function exact(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** Converts bigints: the numbers of plan steps are used only in messages. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}

/**
 * Returns undefined for a container without the data: it was created to run at once, or by another version.
 *
 * @throws RuntimeError `state.damaged`
 */
export function readExecData(runtime: Runtime, id: string): ExecData | undefined {
  const path = entryPath(stateDirectory(runtime, id), files.execData);
  const text = runtime.binding.readTextIfThere(path);
  if (text === undefined) return undefined;
  let data: Partial<ExecData> | null;
  try {
    data = JSON.parse(text) as Partial<ExecData> | null;
  } catch (error) {
    throw damaged(path, (error as Error).message);
  }
  if (typeof data?.version === 'number' && data.version !== version) return undefined;
  if (!isExecData(data)) throw damaged(path, 'it was not written by create');
  return data;
}

/**
 * Checks the data after a failed `exec` has used it.
 *
 * @throws RuntimeError `state.damaged`
 */
export function checkExecData(runtime: Runtime, id: string): void {
  const inherited = readExecData(runtime, id)?.inherited;
  if (inherited === undefined) return;
  const [problem] = checkProcessDocument(inherited.process).problems;
  const nullMember = JSON.stringify(inherited).includes(':null') ? 'a member is null' : undefined;
  // A document without a user passes the check, but create always writes the user.
  const { uid, gid } = (inherited.process as Partial<Process>).user ?? {};
  const incomplete = uid === undefined || gid === undefined ? '/user is not complete' : undefined;
  const why = problem?.message ?? nullMember ?? incomplete;
  if (why === undefined) return;
  const path = entryPath(stateDirectory(runtime, id), files.execData);
  throw damaged(path, `its process: ${why}`);
}

function isExecData(value: Partial<ExecData> | null): value is ExecData {
  if (value?.version !== version || !isObject(value.afterReady)) return false;
  const { first, steps } = value.afterReady as AfterReady;
  if (!Number.isSafeInteger(first) || first < 0 || !Array.isArray(steps)) return false;
  const { inherited } = value;
  return inherited === undefined || (isObject(inherited?.process) && isObject(inherited.linux));
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

/** The plan's steps after `ready`, which run at `start`. */
export interface AfterReady {
  /** Index of the first one in the plan. */
  readonly first: number;
  readonly steps: readonly unknown[];
}

/**
 * Keeps the plan's steps after `ready`. A failed `start` can then name the place in config.json without making the plan
 * again. Only the data for a message is kept: not the environment, which may be large and secret, and not the filter.
 */
function stepsForStart(plan: Plan): AfterReady {
  const first = plan.container.findIndex(({ op }) => op === 'ready') + 1;
  const steps = plan.container.slice(first).map(step => {
    if (step.op === 'loadSeccomp') return { ...step, program: [] };
    return step.op === 'execute' || step.op === 'runHook' ? { ...step, env: [] } : step;
  });
  return { first, steps };
}

/** The steps are checked only here, because they are only used after a failure. Numbers were rounded. */
function isStoredStep(value: unknown): value is Step {
  if (typeof value !== 'object' || value === null) return false;
  const step = value as Readonly<Record<string, unknown>>;
  const fields = lookUp(vocabulary as Operations, String(step['op']));
  if (fields === undefined || typeof step['origin'] !== 'string') return false;
  const { places } = step;
  if (places !== undefined && !(Array.isArray(places) && places.every(isPlace))) return false;
  return Object.entries(fields).every(([name, kind]) => {
    const field = step[name];
    if (kind === 'number' || kind === 'signed') return typeof field === 'number';
    if (kind === 'text') return typeof field === 'string';
    const type = kind === 'texts' ? 'string' : 'number';
    return Array.isArray(field) && field.every(item => typeof item === type);
  });
}

function isPlace(value: unknown): value is ItemPlace {
  return typeof value === 'string' || typeof value === 'number';
}

/**
 * Explains the failure of a step that `stepsForStart` kept.
 *
 * @throws RuntimeError `state.damaged`
 */
export function explainStartFailure(runtime: Runtime, id: string, report: Report): RuntimeError {
  const container: Step[] = [];
  const { first, steps } = readExecData(runtime, id)?.afterReady ?? { first: 0, steps: [] };
  for (const [index, step] of steps.entries()) {
    if (!isStoredStep(step)) {
      const path = entryPath(stateDirectory(runtime, id), files.execData);
      throw damaged(path, `/afterReady/steps/${index} is not a step`);
    }
    container[first + index] = step;
  }
  const spawn = { cloneFlags: 0, preserveFds: 0 };
  return new RuntimeError(explainFailure({ host: [], spawn, container, warnings: [] }, report));
}
