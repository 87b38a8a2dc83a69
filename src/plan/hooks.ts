// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import type { Hook, Hooks } from '../oci/config.ts';
import { ociVersion } from '../oci/version.ts';
import type { Step } from '../wire/steps.ts';
import { type PlanContext, pointer } from './context.ts';
import { explainHookStep } from './explain-hook.ts';
import type { Facility } from './facility.ts';
import { type HostStep, maxPlanBytes } from './plan.ts';

export type HookKind = keyof Hooks;

/** Steps of the runtime. */
export interface HookSteps {
  /** Runs a hook in the runtime's namespaces. */
  readonly runHook: {
    readonly when: 'runtime' | 'poststart' | 'poststop';
    readonly kind: 'prestart' | 'createRuntime' | 'poststart' | 'poststop';
    /** Index in the list of its kind. */
    readonly index: number;
    readonly hook: Hook;
  };
}

/** The times at which the host's hooks run. */
const times = {
  prestart: 'runtime',
  createRuntime: 'runtime',
  poststart: 'poststart',
  poststop: 'poststop',
} as const;

/** Returns the steps for the hooks that the runtime runs in its own namespaces, in order. */
export function hostHookSteps({ config }: PlanContext): HostStep[] {
  const steps: HostStep[] = [];
  for (const kind of ['prestart', 'createRuntime', 'poststart', 'poststop'] as const) {
    for (const [index, hook] of config.hooks?.[kind]?.entries() ?? []) {
      const origin = hookOrigin(kind, index);
      steps.push({ op: 'runHook', when: times[kind], kind, index, hook, origin });
    }
  }
  return steps;
}

/** Hooks that the init runs before it enters the root: they are programs of the host. */
export function createContainerSteps(context: PlanContext): Step[] {
  const { createContainer = [] } = context.config.hooks ?? {};
  if (createContainer.length === 0) return [];
  const input = stateAround(context, 'creating');
  limitSize('createContainer', createContainer.length * sizeOf(input));
  return createContainer.map((hook, index) =>
    step('createContainer', index, hook, hook.env ?? [], false, input),
  );
}

/**
 * Hooks that the init runs right before its program.
 *
 * @param env - the program's, for a hook with an absent or empty list, like in runc
 */
export function startContainerSteps(context: PlanContext, env: readonly string[]): Step[] {
  const { startContainer = [] } = context.config.hooks ?? {};
  if (startContainer.length === 0) return [];
  const input = stateAround(context, 'created');
  const inherits = startContainer.filter(hook => (hook.env ?? []).length === 0).length;
  limitSize('startContainer', startContainer.length * sizeOf(input) + inherits * sizeOf(env));
  return startContainer.map((hook, index) => {
    const own = hook.env !== undefined && hook.env.length > 0;
    return step('startContainer', index, hook, own ? hook.env : env, !own, input);
  });
}

/**
 * Refuses hooks whose copies of the state and the environment fill more than a plan, before they are made.
 *
 * @throws RuntimeError `plan.size`
 */
function limitSize(kind: HookKind, size: number): void {
  if (size <= maxPlanBytes) return;
  throw new RuntimeError({
    code: 'plan.size',
    pointer: pointer('hooks', kind),
    message: `the ${kind} hooks need ${size} bytes for their environment and the state, more than ${maxPlanBytes}`,
    hint: 'use fewer hooks, environment variables or annotations',
    spec: 'config.md#posix-platform-hooks',
  });
}

function sizeOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + text.length + 1, 0);
}

function step(
  kind: HookKind,
  index: number,
  hook: Hook,
  env: readonly string[],
  home: boolean,
  input: readonly string[],
): Step {
  return {
    op: 'runHook',
    origin: hookOrigin(kind, index),
    path: hook.path,
    args: hookArgs(hook),
    env,
    home: home ? 1 : 0,
    timeout: hook.timeout ?? 0,
    input,
  };
}

export function hookOrigin(kind: HookKind, index: number): string {
  return pointer('hooks', kind, index, 'path');
}

/** Without args, argv is the path alone. */
export function hookArgs(hook: Hook): readonly string[] {
  return hook.args === undefined || hook.args.length === 0 ? [hook.path] : hook.args;
}

/** Returns the state document (runtime.md#state) before and after the pid, which only the init can fill in. */
function stateAround({ config, options }: PlanContext, status: string): string[] {
  const { id, bundle } = options;
  const head = JSON.stringify({ ociVersion, id, status }).slice(0, -1);
  const tail = JSON.stringify({ bundle, ...sortedAnnotations(config.annotations) }).slice(1);
  return [`${head},"pid":`, `,${tail}`];
}

/** Annotations in the order of the state document: sorted; absent if there are none. */
export function sortedAnnotations(annotations: Readonly<Record<string, string>> | undefined): {
  annotations?: Record<string, string>;
} {
  const entries = Object.entries(annotations ?? {});
  if (entries.length === 0) return {};
  return { annotations: Object.fromEntries(entries.sort(([one], [other]) => (one < other ? -1 : 1))) };
}

const steps = {
  /**
   * Runs the program `path` and waits for its exit. argv is `args`, the environment `env` (with `home`, also the
   * result of `findHome`), the standard input the two texts of `input` with the init's pid in its own namespace
   * between them. After `timeout` seconds (0: none) it is killed. Its working directory is the root, after `ready`
   * that of the process. If its exit status is not 0, the step fails: the call is then `exit`, `signal` or `timeout`,
   * the error number is the status, signal or number of seconds, and the detail is its last output.
   */
  runHook: { path: 'text', args: 'texts', env: 'texts', home: 'number', timeout: 'number', input: 'texts' },
} as const;

/** Hooks that the runtime or the init runs. */
export const hooksFacility: Facility<typeof steps, HookSteps> = {
  steps,
  explainAlone: { runHook: explainHookStep },
  hostTexts: {
    runHook: ({ hook: { path, timeout } }) =>
      `path=${path}${timeout === undefined ? '' : ` timeout=${timeout}`}`,
  },
};
