// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Report } from '../host/binding.d.ts';
import { openFlags } from '../host/files.ts';
import { entryPath } from '../host/paths.ts';
import type { Config, Linux, Process } from '../oci/config.ts';
import type { Seccomp } from '../oci/seccomp.ts';
import type { LoadSeccomp } from '../plan/context.ts';
import { explainFailure } from '../plan/explain.ts';
import type { Listener } from '../plan/listener.ts';
import type { Plan } from '../plan/plan.ts';
import { checkProcessDocument } from '../validate/check-process.ts';
import type { Step } from '../wire/steps.ts';
import type { HostOperation } from './host-work.ts';
import { files } from './record.ts';
import type { Runtime } from './runtime.ts';
import { damaged, stateDirectory } from './store.ts';

/** Of the format of exec.json. */
const version = 1;

/**
 * What later commands need of the config and the plan, in the form they need it in. It has a file of its own: every
 * command reads the record, `list` a thousand of them, and few read this.
 */
export interface ExecData {
  readonly version: typeof version;
  /** Absent when JSON cannot hold it: then config.json is read and checked again. */
  readonly standing?: Standing;
  readonly afterReady: AfterReady;
}

/** What every process of the container begins with, checked and completed. */
export interface Standing {
  readonly process: Process;
  readonly linux: Pick<Linux, 'memoryPolicy' | 'personality'>;
  readonly seccomp?: StandingFilter;
}

/** linux.seccomp: its listener, and the filter as it is in effect in the container. */
export interface StandingFilter extends Listener {
  readonly flags: number;
  /** Pairs of 32 bits, as BPF has its instructions. */
  readonly words: readonly number[];
}

/** The file is written once, before any command reads it. */
export const saveExecData: HostOperation<'saveExecData'> = {
  apply(_, { runtime, plan, container, stateDirectory: directory }) {
    onHost('unable to write what later commands need', () =>
      writeExecData(runtime, directory, container.prepared.config, plan),
    );
  },
};

export function writeExecData(runtime: Runtime, directory: string, config: Config, plan: Plan): void {
  const { memoryPolicy, personality, seccomp } = config.linux ?? {};
  const filter = seccomp === undefined ? undefined : keepFilter(seccomp, plan);
  const standing: Standing = {
    process: config.process,
    linux: {
      ...(memoryPolicy !== undefined && { memoryPolicy }),
      ...(personality !== undefined && { personality }),
    },
    ...(filter !== undefined && { seccomp: filter }),
  };
  // A plan without a program loads no filter either: nothing may seem to be without one.
  const whole = config.process.args.length > 0 && (seccomp === undefined) === (filter === undefined);
  const kept = whole ? exact(standing) : undefined;
  const afterReady = JSON.stringify(keepForStart(plan), rounded);
  const text = `{"version":${version},${kept === undefined ? '' : `"standing":${kept},`}"afterReady":${afterReady}}`;
  const path = entryPath(directory, files.execData);
  runtime.binding.writeText(path, text, openFlags.create | openFlags.exclusive, 0o600);
}

function keepFilter({ listenerPath, listenerMetadata }: Seccomp, plan: Plan): StandingFilter | undefined {
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

/** The step that loads it again. */
export function loadKept({ flags, words }: StandingFilter): LoadSeccomp {
  const program = new BigUint64Array(new Uint32Array(words).buffer);
  return { op: 'loadSeccomp', origin: '/linux/seccomp', program, flags };
}

/** Undefined when a number in it is a bigint (RLIM_INFINITY written out). */
function exact(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** Numbers of plan steps are there for a message only. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}

/**
 * Undefined for a container without it: one that was created to run at once, or by another version.
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
  if (!isExecData(data)) throw damaged(path, 'not what create has written');
  return data;
}

/**
 * Looks again at what `exec` has used of it.
 *
 * @throws RuntimeError `state.damaged`
 */
export function checkExecData(runtime: Runtime, id: string): void {
  const standing = readExecData(runtime, id)?.standing;
  if (standing === undefined) return;
  const [problem] = checkProcessDocument(standing.process).problems;
  const nothing = JSON.stringify(standing).includes(':null') ? 'a member is null' : undefined;
  // A document may leave its user out; create has put it in.
  const { uid, gid } = (standing.process as Partial<Process>).user ?? {};
  const incomplete = uid === undefined || gid === undefined ? '/user is not complete' : undefined;
  const why = problem?.message ?? nothing ?? incomplete;
  if (why === undefined) return;
  const path = entryPath(stateDirectory(runtime, id), files.execData);
  throw damaged(path, `the process that it holds: ${why}`);
}

function isExecData(value: Partial<ExecData> | null): value is ExecData {
  if (value?.version !== version || !Array.isArray(value.afterReady?.steps)) return false;
  const { standing } = value;
  return standing === undefined || (isObject(standing?.process) && isObject(standing.linux));
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

/** The steps that are still to come at `start`. */
export interface AfterReady {
  /** The number of the first of them in the plan. */
  readonly first: number;
  readonly steps: readonly unknown[];
}

/**
 * The steps that are still to come at `start`, so that a failure then can name its place in config.json without the
 * plan being made again. Only what a message needs is kept: not the environment, which may be large and secret, and not
 * the filter.
 */
export function keepForStart(plan: Plan): AfterReady {
  const first = plan.container.findIndex(({ op }) => op === 'ready') + 1;
  const steps = plan.container.slice(first).map(step => {
    if (step.op === 'loadSeccomp') return { ...step, program: [] };
    return step.op === 'execute' || step.op === 'runHook' ? { ...step, env: [] } : step;
  });
  return { first, steps };
}

/** The failure of one of the steps that `keepForStart` kept. */
export function explainLate(runtime: Runtime, id: string, report: Report): RuntimeError {
  const container: Step[] = [];
  const { first, steps } = readExecData(runtime, id)?.afterReady ?? { first: 0, steps: [] };
  for (const [index, step] of steps.entries()) container[first + index] = step as Step;
  const spawn = { cloneFlags: 0, preserveFds: 0 };
  return new RuntimeError(explainFailure({ host: [], spawn, container, warnings: [] }, report));
}
