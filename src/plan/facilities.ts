// SPDX-License-Identifier: Apache-2.0
import type { ErrorFields } from '../errors/error.ts';
import type { Config, Linux } from '../oci/config.ts';
import type { Shape } from '../oci/shape.ts';
import type { Check } from '../validate/context.ts';
import type { Operation, Step } from '../wire/steps.ts';
import { capabilitiesFacility } from './capabilities.ts';
import { cgroupFacility } from './cgroup.ts';
import { deviceRulesFacility } from './device-rules.ts';
import { devicesFacility } from './devices.ts';
import type { Causes, HostExplanation, Refusal, ShapesOfProperties, SysctlProblem } from './facility.ts';
import { hooksFacility } from './hooks.ts';
import { hostTreesFacility } from './host-trees.ts';
import { hotMountsFacility } from './hot-mounts.ts';
import { keyringFacility } from './keyring.ts';
import { labelsFacility } from './labels.ts';
import { landlockFacility } from './landlock.ts';
import { listenerFacility } from './listener.ts';
import {
  type MemoryPolicyFeatures,
  type MemoryPolicyProperty,
  memoryPolicyFacility,
} from './memory-policy.ts';
import { type MountFeatures, mountsFacility } from './mounts.ts';
import { namespacesFacility } from './namespaces.ts';
import { type NetDeviceFeatures, type NetDevicesProperty, netDevicesFacility } from './net-devices.ts';
import { networkFacility } from './network.ts';
import { notifyFacility } from './notify.ts';
import { oomScoreFacility } from './oom-score.ts';
import { type PersonalityProperty, personalityFacility } from './personality.ts';
import type { HostOperationName, HostStep } from './plan.ts';
import { portsFacility } from './ports.ts';
import { processFacility } from './process.ts';
import { programFacility } from './program.ts';
import { rdtFacility } from './rdt.ts';
import { recordFacility } from './record.ts';
import { restrictedPathsFacility } from './restricted-paths.ts';
import { resumeFacility } from './resume-init.ts';
import { rlimitsFacility } from './rlimits.ts';
import { rootMountFacility } from './root-mount.ts';
import { rootfsFacility } from './rootfs.ts';
import { schedulingFacility } from './scheduling.ts';
import { seccompFacility } from './seccomp.ts';
import { signalsFacility } from './signals.ts';
import type { SyncPoint } from './sync-points.ts';
import { syncFacility } from './sync-points.ts';
import { sysctlFacility } from './sysctl.ts';
import { terminalFacility } from './terminal.ts';
import { timeNamespaceFacility } from './time-namespace.ts';
import { userNamespaceFacility } from './user-namespace.ts';
import { userNetworkFacility } from './user-network.ts';
import { type UtsNames, utsFacility } from './uts-names.ts';

/** All facilities. The wire format numbers their operations in this order. */
export const facilities = [
  signalsFacility,
  namespacesFacility,
  userNamespaceFacility,
  timeNamespaceFacility,
  networkFacility,
  userNetworkFacility,
  rootfsFacility,
  rootMountFacility,
  mountsFacility,
  hotMountsFacility,
  labelsFacility,
  devicesFacility,
  utsFacility,
  netDevicesFacility,
  sysctlFacility,
  restrictedPathsFacility,
  keyringFacility,
  rlimitsFacility,
  schedulingFacility,
  personalityFacility,
  memoryPolicyFacility,
  terminalFacility,
  capabilitiesFacility,
  processFacility,
  landlockFacility,
  programFacility,
  syncFacility,
  hooksFacility,
  seccompFacility,
  // Without operations of the executor.
  portsFacility,
  recordFacility,
  notifyFacility,
  cgroupFacility,
  rdtFacility,
  oomScoreFacility,
  deviceRulesFacility,
  hostTreesFacility,
  listenerFacility,
  resumeFacility,
] as const;

/** Returns the facility that has this operation. */
export function facilityOf(op: Operation): (typeof facilities)[number] {
  return facilities.find(({ steps }) => Object.hasOwn(steps, op)) as (typeof facilities)[number];
}

/** Members of config.json that the facilities implement. */
export interface ConfigOfFacilities extends UtsNames {}

/** Members of `linux` that the facilities implement. */
export interface LinuxOfFacilities extends NetDevicesProperty, SharedProperties {}

/** Those members of `linux` that apply to every process of the container. */
export interface SharedProperties extends PersonalityProperty, MemoryPolicyProperty {}

/** Members of `linux` in the features document. */
export interface FeaturesOfFacilities extends MemoryPolicyFeatures, MountFeatures, NetDeviceFeatures {}

/** The checks of properties that belong to a namespace, and those of properties of every process, in their order. */
export const checksOfNamespaces: readonly Check[] = checksOf([netDevicesFacility, utsFacility]);
export const checksOfProcesses: readonly Check[] = checksOf([memoryPolicyFacility, personalityFacility]);

function checksOf(ordered: readonly { readonly check?: Check }[]): Check[] {
  return ordered.flatMap(({ check }) => check ?? []);
}

/** Returns the shapes of the properties of config.json, or of its `linux`. */
export function shapesOfFacilities(object: keyof ShapesOfProperties): Record<string, Shape> {
  return Object.assign({}, ...facilities.map(({ shapes }) => shapes?.[object]));
}

export function sharedShapes(): Record<string, Shape> {
  return Object.assign({}, ...facilities.map(({ shared, shapes }) => shared && shapes?.linux));
}

export function sharedProperties(linux: Linux | undefined): SharedProperties {
  const names = Object.keys(sharedShapes()) as (keyof SharedProperties)[];
  const present = names.filter(name => linux?.[name] !== undefined);
  return Object.fromEntries(present.map(name => [name, linux?.[name]]));
}

/** Returns the problem of a sysctl that a property sets; undefined for every other sysctl. */
export function ownedSysctl(name: string): SysctlProblem | undefined {
  for (const { sysctls } of facilities) {
    if (sysctls !== undefined && Object.hasOwn(sysctls, name)) return sysctls[name];
  }
  return undefined;
}

export function problemsInOwnNetwork(config: Config): ErrorFields[] {
  return facilities.flatMap(({ inOwnNetwork }) => inOwnNetwork?.(config) ?? []);
}

/** Members of `linux` in the features document, in the order of their names. */
export function featuresOfFacilities(): FeaturesOfFacilities {
  const members = facilities.flatMap(({ features }) => Object.entries(features?.() ?? {}));
  const sorted = members.sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(sorted) as unknown as FeaturesOfFacilities;
}

export function hostStepsOfFacilities(config: Config): HostStep[] {
  return facilities.flatMap(({ hostSteps }) => hostSteps?.(config) ?? []);
}

/** Origin of the step at which the init waits for the steps of a facility. */
export function waitOrigin(point: SyncPoint): string {
  return facilities.find(({ waits }) => waits?.[point] !== undefined)?.waits?.[point] ?? '';
}

/** Returns the steps for the properties of every process of the container. */
export function sharedSteps(linux: Linux | undefined): Step[] {
  return linux === undefined ? [] : facilities.flatMap(({ shared }) => shared?.(linux) ?? []);
}

/** Returns a step of the runtime as `plan` prints it. */
export function hostText(step: HostStep): string {
  const text = hostFacilityOf(step.op).hostTexts[step.op]?.(step as never) ?? '';
  return text === '' ? step.op : `${step.op} ${text}`;
}

/** A facility whose operations of the runtime are not known to the compiler: the operation of a step selects the function. */
interface AnyHostFacility {
  readonly hostTexts: Readonly<Record<string, (step: never) => string>>;
  readonly explainHost?: Readonly<Record<string, (step: never, refusal: Refusal) => HostExplanation>>;
  readonly hostHints?: () => Readonly<Record<string, Causes>>;
}

/** Returns the facility that has this operation of the runtime. */
export function hostFacilityOf(op: HostOperationName): AnyHostFacility {
  const found = facilities.find(one => 'hostTexts' in one && Object.hasOwn(one.hostTexts ?? {}, op));
  return found as unknown as AnyHostFacility;
}
