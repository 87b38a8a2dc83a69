// SPDX-License-Identifier: Apache-2.0
import { type ErrorFields, RuntimeError } from '../../errors/error.ts';
import type { Binding } from '../../host/binding.d.ts';
import type { DeviceRule } from '../devices/rules.ts';
import type { CgroupPlace } from '../directory.ts';
import { killProcesses } from '../processes.ts';
import { becomesEmpty, type Occupants, removeCgroup } from '../remove.ts';
import type { CgroupWrite } from '../write.ts';
import { CallError } from './connection.ts';
import { deviceProperties, noDevices } from './device-properties.ts';
import { isPeerError, Systemd } from './manager.ts';
import { type Property, unitProperties } from './properties.ts';
import type { Value } from './types.ts';
import type { Manager } from './unit-name.ts';

/** The unit to start for a container. */
export interface UnitRequest {
  readonly manager: Manager;
  readonly unit: string;
  readonly slice: string;
  readonly description: string;
  /** Properties from annotations: they come last and override the others. */
  readonly properties: readonly Property[];
  readonly origin: string;
}

const noSuchUnit = 'org.freedesktop.systemd1.NoSuchUnit';
const unitExists = 'org.freedesktop.systemd1.UnitExists';

/**
 * Starts the scope with the process in it, and waits until it is active. systemd delegates the cgroup to the runtime.
 *
 * @param writes - the limits: those with a systemd property are in effect afterwards; the caller must still write the
 *   files
 * @param rules - for devices; undefined if nothing is denied
 * @throws RuntimeError `host.systemd`, `host.systemd-unit`; the unit does not exist then
 */
export function startUnit(
  binding: Binding,
  request: UnitRequest,
  pid: number,
  writes: readonly CgroupWrite[],
  rules: readonly DeviceRule[] | undefined,
): void {
  const { manager, unit, origin } = request;
  Systemd.with(binding, manager, systemd => {
    const properties = [
      ...scopeProperties(request, pid),
      ...limits(systemd, writes),
      ...deviceProperties(binding, rules),
      ...request.properties,
    ];
    const start = (): void => systemd.startTransientUnit(unit, lastOfEach(properties));
    try {
      try {
        start();
      } catch (error) {
        if (!(error instanceof CallError) || error.errorName !== unitExists) throw error;
        // systemd keeps a failed unit of the same name until ResetFailedUnit.
        ignorePeerErrors(() => systemd.resetFailedUnit(unit));
        start();
      }
    } catch (error) {
      if (!isPeerError(error)) throw error;
      if (!(error instanceof CallError)) {
        ignorePeerErrors(() => systemd.stopUnit(unit));
        ignorePeerErrors(() => systemd.resetFailedUnit(unit));
      }
      throw refused(error, `unable to start unit "${unit}"`, { pointer: origin, hint: hintFor(error, unit) });
    }
  });
}

function scopeProperties({ slice, description }: UnitRequest, pid: number): Property[] {
  const property = (name: string, signature: string, value: Value): Property => ({
    name,
    value: { signature, value },
  });
  return [
    property('Description', 's', description),
    property('Slice', 's', slice),
    property('PIDs', 'au', [pid]),
    // Delegation: systemd does not change cgroups below the scope, and enables every controller for them.
    property('Delegate', 'b', true),
    ...['MemoryAccounting', 'CPUAccounting', 'IOAccounting', 'TasksAccounting'].map(name =>
      property(name, 'b', true),
    ),
    // With default dependencies, systemd would stop the scope early in a shutdown, before the services that use it.
    property('DefaultDependencies', 'b', false),
  ];
}

/**
 * Stops the unit and removes the rest of its cgroup. Processes are killed first: systemd sends SIGTERM, which the
 * first process of a pid namespace ignores without a handler, and then waits for its timeout.
 *
 * @throws RuntimeError `host.systemd`, `host.systemd-unit`, `state.cgroup-not-empty`, `host.syscall`
 */
export function removeUnit(
  binding: Binding,
  place: CgroupPlace & { readonly unit: string },
  occupants: Occupants,
): void {
  const { unit, manager = 'system' } = place;
  if (binding.stat(place.path) !== undefined) {
    if (occupants === 'kill') killProcesses(binding, place.path);
    else if (!becomesEmpty(binding, place.path)) return;
  }
  Systemd.with(binding, manager, systemd => {
    try {
      systemd.stopUnit(unit);
    } catch (error) {
      if (!isPeerError(error)) throw error;
      if (!(error instanceof CallError && error.errorName === noSuchUnit)) {
        throw refused(error, `unable to stop unit "${unit}"`);
      }
    }
    ignorePeerErrors(() => systemd.resetFailedUnit(unit));
  });
  removeCgroup(binding, place, occupants);
}

/**
 * Sets new limits in the unit, if systemd has properties for them.
 *
 * @param rules - for devices, simplified; undefined if they do not change
 * @throws RuntimeError `host.systemd`, `host.systemd-unit`
 */
export function updateUnit(
  binding: Binding,
  { unit, manager = 'system' }: CgroupPlace & { readonly unit: string },
  writes: readonly CgroupWrite[],
  rules: readonly DeviceRule[] | undefined,
): void {
  Systemd.with(binding, manager, systemd => {
    const devices = deviceProperties(binding, rules);
    // systemd appends to the existing list; an empty list clears it first.
    const properties = [...limits(systemd, writes), ...(devices.length > 0 ? [noDevices] : []), ...devices];
    if (properties.length === 0) return;
    try {
      systemd.setUnitProperties(unit, properties);
    } catch (error) {
      if (!isPeerError(error)) throw error;
      throw refused(error, `unable to set the properties of unit "${unit}"`);
    }
  });
}

/** Requests the version only if a property depends on it. */
function limits(systemd: Systemd, writes: readonly CgroupWrite[]): Property[] {
  return writes.length === 0 ? [] : unitProperties(writes, systemd.version());
}

/** Keeps the last property of each name, because systemd would merge lists. */
function lastOfEach(properties: readonly Property[]): Property[] {
  return [...new Map(properties.map(property => [property.name, property])).values()];
}

/** Ignores errors of the peer: the action may have been done already. */
function ignorePeerErrors(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!isPeerError(error)) throw error;
  }
}

function refused(error: Error, attempted: string, fields: Partial<ErrorFields> = {}): RuntimeError {
  return new RuntimeError({
    ...fields,
    code: 'host.systemd-unit',
    stage: 'host',
    message: `unable to apply cgroup configuration: ${attempted}: ${error.message}`,
    ...(error instanceof CallError && { value: error.errorName }),
  });
}

function hintFor(error: Error, unit: string): string | undefined {
  if (!(error instanceof CallError)) return `see systemctl status ${unit}`;
  if (error.errorName === unitExists) {
    return `the unit already exists (systemctl status ${unit}); every container needs its own`;
  }
  return undefined;
}
