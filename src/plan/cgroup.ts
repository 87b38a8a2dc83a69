// SPDX-License-Identifier: Apache-2.0
import type { DeviceRule } from '../cgroup/devices/rules.ts';
import { resourceWrites } from '../cgroup/resources.ts';
import { annotatedProperties } from '../cgroup/systemd/annotations.ts';
import type { UnitRequest } from '../cgroup/systemd/unit.ts';
import { expandSlice, managerCgroup, unitName } from '../cgroup/systemd/unit-name.ts';
import { type CgroupWrite, readNothing } from '../cgroup/write.ts';
import { RuntimeError } from '../errors/error.ts';
import { joinPath, parentPath } from '../host/paths.ts';
import type { Config, IDMapping } from '../oci/config.ts';
import { containerPath, type PlanContext } from './context.ts';
import type { Facility, NoSteps } from './facility.ts';
import type { HostStep, HostStepOf } from './plan.ts';

/** Steps of the runtime. */
export interface CgroupSteps {
  /** Makes the cgroup (with its missing parents); the init is cloned into it. */
  readonly makeCgroup: { readonly when: 'before'; readonly path: string };
  /** Asks systemd for a unit that contains the init; its cgroup is at `path` from the root of the hierarchy. */
  readonly startUnit: {
    readonly when: 'cgroup';
    readonly path: string;
    /** Limits with systemd properties; the following steps write the files. */
    readonly limits: readonly CgroupWrite[];
    /** Absent: everything is allowed. */
    readonly deviceRules?: readonly DeviceRule[];
  } & UnitRequest;
  /**
   * Writes one value into a control file of that cgroup: before the init is cloned into it, or after systemd has made
   * it.
   */
  readonly writeCgroup: { readonly when: 'before' | 'cgroup' } & CgroupWrite;
  /** Makes the user `uid` of the host the owner of that cgroup, after the values. */
  readonly delegateCgroup: { readonly when: 'before' | 'cgroup'; readonly uid: number };
}

/** The future cgroup of a container, for the record. */
export interface CgroupRequest {
  /** For a unit, from the root of the hierarchy; otherwise absolute. */
  readonly path: string;
  readonly origin: string;
  readonly unit?: string;
  readonly manager?: UnitRequest['manager'];
}

export interface ContainerCgroup {
  /** Host directory of the container's cgroup. */
  readonly path: string;
  readonly origin: string;
}

/**
 * Path of the container's cgroup. An absolute `cgroupsPath` starts at the root of the hierarchy, a relative one at the
 * parent of the runtime's own cgroup; without one, the id is the name. It is never below the runtime's own cgroup,
 * because a cgroup that contains processes cannot enable controllers for its children. `..` cannot lead above the
 * start. Undefined if no cgroup2 is mounted.
 */
export function containerCgroup(context: PlanContext): ContainerCgroup | undefined {
  const { layout, mountpoint, own } = context.facts.cgroup;
  if (layout === 'none') return undefined;
  const requested = context.config.linux?.cgroupsPath ?? '';
  const from = requested.startsWith('/') ? '/' : parentPath(own);
  const name = joinPath('/', requested === '' ? context.options.id : requested);
  return {
    path: joinPath(mountpoint, joinPath(from, name)),
    origin: requested === '' ? '' : '/linux/cgroupsPath',
  };
}

/**
 * Returns the container's cgroup as a systemd unit: of the system manager for root, of the user's manager otherwise.
 *
 * @throws RuntimeError `config.cgroups-path`, `config.systemd-property`, `config.unsupported`
 */
export function containerUnit(
  { config, facts, options }: PlanContext,
  writes: readonly CgroupWrite[],
  deviceRules: readonly DeviceRule[] | undefined,
): HostStepOf<'startUnit'> {
  const manager = facts.euid === 0 ? 'system' : 'user';
  const requested = config.linux?.cgroupsPath ?? '';
  const { slice, unit } = unitName(requested, options.id, manager);
  return {
    op: 'startUnit',
    when: 'cgroup',
    path: `${managerCgroup(manager, facts.euid)}${expandSlice(slice)}/${unit}`,
    manager,
    unit,
    slice,
    description: `tsubo container ${options.id}`,
    properties: annotatedProperties(config.annotations),
    limits: writes,
    ...(deviceRules !== undefined && { deviceRules }),
    origin: requested === '' ? '' : '/linux/cgroupsPath',
  };
}

/**
 * Returns the steps that write values into the container's cgroup when it is made.
 *
 * @throws RuntimeError `host.cgroup-controller` if the config has limits and there is no cgroup
 */
export function cgroupWriteSteps(
  context: PlanContext,
  hasCgroup: boolean,
  when: 'before' | 'cgroup' = 'before',
): HostStepOf<'writeCgroup'>[] {
  const { resources } = context.config.linux ?? {};
  if (resources === undefined) return [];
  const writes = resourceWrites(resources, {
    origin: '/linux/resources',
    read: readNothing,
    warn: context.warn,
  });
  if (hasCgroup) return writes.map(write => ({ op: 'writeCgroup', when, ...write }));
  const first = writes.find(({ optional }) => !optional);
  if (first === undefined) return [];
  throw new RuntimeError({
    code: 'host.cgroup-controller',
    pointer: first.origin,
    value: first.controller,
    message: `unable to set ${first.file} to ${first.value}: no cgroup2 hierarchy is mounted`,
    hint: 'mount one: mount -t cgroup2 none /sys/fs/cgroup',
    spec: 'config-linux.md#control-groups',
  });
}

/**
 * Makes the container's user the owner of the cgroup, if the container has it as the root of its hierarchy and may
 * write to it: a new cgroup namespace, and a cgroup mount at /sys/fs/cgroup that is not read-only.
 */
export function cgroupOwnerSteps(config: Config, when: 'before' | 'cgroup'): HostStep[] {
  const namespaces = config.linux?.namespaces ?? [];
  const isNew = (type: string): boolean =>
    namespaces.some(namespace => namespace.type === type && (namespace.path ?? '') === '');
  const mount = (config.mounts ?? []).findIndex(
    ({ destination, type }) =>
      (type === 'cgroup' || type === 'cgroup2') && containerPath(destination) === '/sys/fs/cgroup',
  );
  if (mount < 0 || !isNew('cgroup') || config.mounts?.[mount]?.options?.includes('ro')) return [];
  const { uid } = config.process?.user ?? { uid: 0 };
  const owner = isNew('user') ? hostId(config.linux?.uidMappings ?? [], uid) : uid;
  // Root already owns the cgroup. In a joined user namespace the host id of the user is unknown.
  if (owner === undefined || owner === 0) return [];
  if (!isNew('user') && namespaces.some(({ type }) => type === 'user')) return [];
  return [{ op: 'delegateCgroup', when, uid: owner, origin: `/mounts/${mount}` }];
}

function hostId(mappings: readonly IDMapping[], id: number): number | undefined {
  const mapping = mappings.find(({ containerID, size }) => id >= containerID && id < containerID + size);
  return mapping && mapping.hostID + (id - mapping.containerID);
}

/** Returns the error for a runtime that may not make the cgroup that the config requests or needs for its limits. */
export function withoutPermission(error: RuntimeError): RuntimeError {
  return error.with({
    message: `rootless needs no limits + no cgrouppath when no permission is granted for cgroups: ${error.message}`,
    hint: 'omit linux.cgroupsPath and linux.resources, or run tsubo in a delegated cgroup, for example with systemd-run --user --scope',
  });
}

export const cgroupFacility: Facility<NoSteps, CgroupSteps> = {
  steps: {},
  hostTexts: {
    makeCgroup: ({ path }) => `path=${path}`,
    startUnit: ({ unit, slice, path, properties }) =>
      [`unit=${unit} slice=${slice} path=${path}`, ...properties.map(({ name }) => name)].join(' '),
    writeCgroup: ({ file, value, otherwise }) =>
      `file=${file} value=${value}${otherwise === undefined ? '' : ` otherwise=${otherwise.file} value=${otherwise.value}`}`,
    delegateCgroup: ({ uid }) => `uid=${uid}`,
  },
};
