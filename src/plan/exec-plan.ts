// SPDX-License-Identifier: Apache-2.0
import { append } from '../oci/append.ts';
import type { Linux } from '../oci/config.ts';
import { namespaceFlags } from '../oci/namespaces.ts';
import type { Step } from '../wire/steps.ts';
import type { ProcessContext } from './context.ts';
import { sharedSteps } from './facilities.ts';
import { keyringSteps } from './keyring.ts';
import { type Listener, listenerSteps } from './listener.ts';
import { oomScoreSteps } from './oom-score.ts';
import { type HostStep, inOrder, type Plan, type PlanWarning } from './plan.ts';
import { processSteps } from './process.ts';
import { lastSteps } from './resume-init.ts';
import { rlimitHostSteps } from './rlimits.ts';
import { execAffinity } from './scheduling.ts';
import { signalSteps } from './signals.ts';
import { terminalHostSteps, terminalSteps } from './terminal.ts';
import { factsInside } from './user-namespace.ts';

/** Container data that the plan of an executed process needs. */
export interface ExecOptions {
  /** Id of the container. */
  readonly id: string;
  /** The container has no session keyring of its own. Default false. */
  readonly noNewKeyring?: boolean;
  /** The container's root, if its mount namespace is the runtime's. */
  readonly root?: string | undefined;
  /** Number of descriptors that the process gets from 3 on. Default 0. */
  readonly preserveFds?: number;
  /** Properties of the container that apply to each of its processes. Default: those of the runtime's caller. */
  readonly linux?: Linux;
  /** The agent of the container's seccomp filter. */
  readonly listener?: Listener | undefined;
  /** The container has a class of service. Default false. */
  readonly joinsRdt?: boolean;
  /** See `PlanOptions`. */
  readonly pidFile?: string | undefined;
  readonly pidfdSocket?: string | undefined;
  /** The process ends with the runtime. Default false. */
  readonly endsWithRuntime?: boolean;
  /** File of the container's time namespace, if it differs from the runtime's. */
  readonly timeNamespace?: string | undefined;
}

/**
 * Compiles a checked process into the ordered steps of `exec`, for an init that is cloned in the container. Pure, like
 * makePlan.
 */
export function makeExecPlan(context: Omit<ProcessContext, 'warn'>, options: ExecOptions): Plan {
  const warnings: PlanWarning[] = [];
  const { process, origin } = context;
  const facts = context.userNamespace ? factsInside(context.facts) : context.facts;
  const container: Step[] = [];
  container.push(...signalSteps(facts));
  const host: HostStep[] = [];
  let slots = 1;
  if (options.timeNamespace !== undefined) {
    // setns(2) into a time namespace fails for a process that shares its memory, such as the helper: the process joins
    // it itself.
    const [kind, path, slot] = [namespaceFlags.time, options.timeNamespace, slots++];
    host.push({ op: 'openNamespace', when: 'before', path, kind, slot, origin: '' });
    container.push({ op: 'joinNamespace', origin: '', slot, kind });
  }
  let rootSlot: number | undefined;
  if (options.root !== undefined) {
    const slot = slots++;
    rootSlot = slot;
    host.push({ op: 'openDirectory', when: 'before', path: options.root, slot, origin: '' });
    container.push({ op: 'changeRoot', origin: '', slot });
  }
  if (context.userNamespace) container.push({ op: 'becomeRoot', origin: '' });
  if (!options.noNewKeyring) container.push(...keyringSteps(context, options.id));
  const warn = (pointer: string, message: string): void => void warnings.push({ pointer, message });
  const affinity = execAffinity({ process, origin }).final;
  const ofProcess: ProcessContext = { ...context, facts, warn };
  append(container, terminalSteps(ofProcess, { slot: slots, console: false }));
  append(
    container,
    processSteps(ofProcess, {
      shared: sharedSteps(options.linux),
      affinity,
      endsWithRuntime: options.endsWithRuntime ?? false,
    }),
  );
  if (options.joinsRdt === true) {
    host.push({ op: 'joinRdtGroup', when: 'after', origin: '/linux/intelRdt' });
  }
  host.push(...oomScoreSteps(ofProcess), ...terminalHostSteps(ofProcess));
  append(host, rlimitHostSteps(ofProcess));
  host.push(...listenerSteps(container, options.listener), ...lastSteps(options));
  return {
    host: inOrder(host),
    spawn: {
      cloneFlags: 0,
      preserveFds: options.preserveFds ?? 0,
      ...(rootSlot !== undefined && { rootSlot }),
    },
    container,
    warnings,
  };
}
