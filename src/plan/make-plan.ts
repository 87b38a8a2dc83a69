// SPDX-License-Identifier: Apache-2.0

import { formatPointer } from '../bundle/pointer.ts';
import { withWholeQuotas } from '../cgroup/systemd/quota.ts';
import { RuntimeError } from '../errors/error.ts';
import type { HostFacts } from '../host/facts.ts';
import { append } from '../oci/append.ts';
import type { Config } from '../oci/config.ts';
import type { Step } from '../wire/steps.ts';
import { cgroupOwnerSteps, cgroupWriteSteps, containerCgroup, containerUnit } from './cgroup.ts';
import type { PlanContext, PlanOptions, ProcessContext } from './context.ts';
import { deviceRuleSteps } from './device-rules.ts';
import { deviceSteps } from './devices.ts';
import { hostStepsOfFacilities, sharedSteps, waitOrigin } from './facilities.ts';
import { createContainerSteps, hostHookSteps, startContainerSteps } from './hooks.ts';
import { noTrees, planHostTrees } from './host-trees.ts';
import { keyringSteps } from './keyring.ts';
import { landlockOf } from './landlock.ts';
import { listenerSteps } from './listener.ts';
import { mountSteps } from './mounts.ts';
import { type NamespacePlan, planNamespaces } from './namespaces.ts';
import { linkSteps, networkFileSteps, networkSteps, requireOwnNetwork, vethSteps } from './network.ts';
import { notifySteps } from './notify.ts';
import { oomScoreSteps } from './oom-score.ts';
import {
  type HostStep,
  inOrder,
  mostPlanWarnings,
  type Plan,
  type PlanWarning,
  type SpawnPlan,
} from './plan.ts';
import { portSteps } from './ports.ts';
import { processSteps } from './process.ts';
import { rdtSteps } from './rdt.ts';
import { saveRecordStep } from './record.ts';
import { nullDeviceSteps, restrictedPathSteps } from './restricted-paths.ts';
import { lastSteps, startFifoSteps } from './resume-init.ts';
import { rlimitHostSteps } from './rlimits.ts';
import { rootfsPlan } from './rootfs.ts';
import { signalSteps } from './signals.ts';
import { type SyncPoint, syncAt } from './sync-points.ts';
import { sysctlSteps } from './sysctl.ts';
import { terminalHostSteps, terminalSteps } from './terminal.ts';
import { planTimeNamespace } from './time-namespace.ts';
import { factsInside, userNamespace } from './user-namespace.ts';
import { userNetworkSteps } from './user-network.ts';
import { ownName, utsSteps } from './uts-names.ts';

export type { PlanOptions } from './context.ts';

/** Number of slots of the executor (native/wire/plan.h), including slot 0. */
const slotCount = 131_072;
const moreWarnings: PlanWarning = {
  pointer: '',
  message: `more than ${mostPlanWarnings} warnings: the others are not listed`,
};
const directoryMode = 0o755;
/** Umask of a container without one in the config: other runtimes have this default, and programs expect it. */
const defaultUmask = 0o022;

/**
 * Compiles a checked config into the ordered steps of `create`. Pure: the same values give the same plan. README.md
 * explains the order of the steps.
 *
 * @throws RuntimeError `config.*` with the pointer, for errors that appear only when the plan is made;
 *   `config.unsupported` for known properties that are not supported
 */
export function makePlan(config: Config, facts: HostFacts, options: PlanOptions): Plan {
  const warnings: PlanWarning[] = [];
  let slots = 1;
  const context: PlanContext = {
    config,
    facts,
    options,
    trees: noTrees,
    warn: (pointer, message) => {
      if (warnings.length < mostPlanWarnings) warnings.push({ pointer, message });
      else if (warnings.length === mostPlanWarnings) warnings.push(moreWarnings);
    },
    takeSlot: () => {
      if (slots >= slotCount) {
        throw new RuntimeError({
          code: 'config.unsupported',
          pointer: '/mounts',
          message: `more than ${slotCount - 1} mounts are not supported`,
        });
      }
      return slots++;
    },
  };
  // Take slots in this order: namespaces to join, the FIFO of start, trees of mounts. Kept mounts have later slots.
  const network = options.networks?.[0] ?? options.userNetwork;
  if (network !== undefined) requireOwnNetwork(config, network.origin);
  const namespaces = planNamespaces(context);
  const startFifo = options.startNow ? undefined : context.takeSlot();
  const time = planTimeNamespace(context);
  const planned: PlanContext = { ...context, trees: planHostTrees(context) };
  const ofProcess = processContext(planned);
  const spawn: SpawnPlan = {
    cloneFlags: namespaces.cloneFlags,
    preserveFds: (options.preserveFds ?? 0) + (options.listenFds ?? 0),
    ...(namespaces.user !== undefined && { userNamespace: namespaces.user }),
    ...(startFifo !== undefined && { startFifo }),
  };
  const host = hostSteps(planned, [...namespaces.host, ...time.host], ofProcess, startFifo);
  const container = containerSteps(
    planned,
    ofProcess,
    { ...namespaces, steps: [...namespaces.steps, ...time.steps] },
    host,
    startFifo,
  );
  host.push(...listenerSteps(container, config.linux?.seccomp));
  return { host: inOrder(host), spawn, container, warnings };
}

function processContext({ config, facts, warn }: PlanContext): ProcessContext {
  const inside = userNamespace(config) !== undefined;
  return {
    process: config.process,
    seccomp: config.linux?.seccomp,
    landlock: landlockOf(config.annotations),
    facts: inside ? factsInside(facts) : facts,
    userNamespace: inside,
    origin: (...parts) => `/process${formatPointer(parts)}`,
    warn,
  };
}

/** Unordered: `inOrder` sorts the steps by the time at which the runtime performs them. */
function hostSteps(
  context: PlanContext,
  namespaces: readonly HostStep[],
  ofProcess: ProcessContext,
  startFifo: number | undefined,
): HostStep[] {
  const { config, options } = context;
  const { networks = [], ports = [], dns, userNetwork } = options;
  const names = [...new Set([ownName(config) || options.id, options.id])];
  const cgroup = containerCgroup(context);
  if (cgroup === undefined) {
    context.warn(
      config.linux?.cgroupsPath ? '/linux/cgroupsPath' : '',
      'no cgroup2 hierarchy is mounted: the container gets no cgroup of its own',
    );
  }
  const when = options.systemdCgroup ? 'cgroup' : 'before';
  const written = cgroupWriteSteps(context, cgroup !== undefined, when);
  const writes = options.systemdCgroup ? withWholeQuotas(written) : written;
  const devices = cgroup === undefined ? [] : deviceRuleSteps(config, networks.length > 0);
  const unit =
    cgroup === undefined || !options.systemdCgroup
      ? undefined
      : containerUnit(context, writes, devices[0]?.rules);
  const rdt = rdtSteps(config);
  const own: HostStep[] =
    cgroup === undefined
      ? []
      : [
          unit ?? { op: 'makeCgroup', when: 'before', path: cgroup.path, origin: cgroup.origin },
          ...writes,
          ...cgroupOwnerSteps(config, when),
        ];
  return [
    // First: a path that is not a namespace must fail before anything is made.
    ...namespaces,
    ...portSteps('reservePorts', ports),
    { op: 'makeState', when: 'before', origin: '' },
    // Before the record, which contains the addresses.
    ...networkSteps(networks, names),
    // Before all objects that `delete` finds through the record.
    saveRecordStep(context, cgroup && (unit ?? cgroup), rdt[0]),
    ...networkFileSteps(userNetwork === undefined ? networks : [userNetwork], names, dns),
    ...(options.notifies ? notifySteps(startFifo === undefined) : []),
    ...own,
    ...rdt,
    ...startFifoSteps(startFifo),
    ...oomScoreSteps(ofProcess),
    ...devices,
    ...(startFifo === undefined ? [] : [{ op: 'saveExecData', when: 'after', origin: '' } as const]),
    ...vethSteps(networks, ports.length > 0),
    ...hostStepsOfFacilities(config),
    ...context.trees.steps,
    ...hostHookSteps(context),
    ...terminalHostSteps(ofProcess),
    ...rlimitHostSteps(ofProcess),
    // Before the record, which contains the keeper.
    ...(userNetwork === undefined ? portSteps('publishPorts', ports) : userNetworkSteps(userNetwork, ports)),
    { op: 'saveInit', when: 'ready', origin: '' },
    ...lastSteps(options),
  ];
}

function containerSteps(
  context: PlanContext,
  ofProcess: ProcessContext,
  namespaces: Pick<NamespacePlan, 'steps' | 'late'>,
  host: readonly HostStep[],
  startFifo: number | undefined,
): Step[] {
  const { config, facts, options } = context;
  const { networks = [] } = options;
  const root = rootfsPlan(context);
  const mounts = mountSteps(context);
  const steps: Step[] = [];
  const add = (...lists: readonly (readonly Step[])[]): void => {
    for (const list of lists) append(steps, list);
  };
  steps.push(...signalSteps(facts));
  const waitIfNeeded = (point: SyncPoint, origin: string): Step[] =>
    host.some(step => step.when === point) ? [syncAt(point, origin)] : [];
  add(
    waitIfNeeded('cgroup', '/linux/cgroupsPath'),
    namespaces.steps,
    // Before sysctls and hooks, which may use the devices.
    waitIfNeeded('network', networks[0]?.origin ?? waitOrigin('network')),
    linkSteps(networks),
    root.open,
    mounts.steps,
    deviceSteps(config),
    waitIfNeeded('runtime', '/hooks'),
    createContainerSteps(context),
    nullDeviceSteps(config),
  );
  if (config.process.terminal) {
    add(terminalSteps(ofProcess, { slot: context.takeSlot(), console: true }));
  }
  add(root.enter, namespaces.late);
  steps.push({ op: 'makeDirectory', origin: '/process/cwd', path: config.process.cwd, mode: directoryMode });
  if (!options.noNewKeyring) add(keyringSteps(ofProcess, options.id));
  // Nothing is made in the mounts from here on. Masks and read-only paths come later: they clone their covers, and a
  // clone of a read-only /dev is read-only too.
  add(mounts.deferred, root.seal);
  // The executor writes sysctls through its own procfs: read-only paths below do not affect it.
  add(utsSteps(config), sysctlSteps(config), restrictedPathSteps(config));
  add(
    processSteps(ofProcess, {
      umask: defaultUmask,
      listenFds: options.listenFds ?? 0,
      startFifo,
      beforeProgram: env => startContainerSteps(context, env),
      shared: sharedSteps(config.linux),
    }),
  );
  return steps;
}
