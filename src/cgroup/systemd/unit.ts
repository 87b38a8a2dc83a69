// SPDX-License-Identifier: Apache-2.0
import { type ErrorFields, RuntimeError } from '../../errors/error.ts';
import type { Binding } from '../../host/binding.d.ts';
import type { DeviceRule } from '../devices/rules.ts';
import type { CgroupPlace } from '../directory.ts';
import { killProcesses } from '../processes.ts';
import { isLeft, type Occupants, removeCgroup } from '../remove.ts';
import type { CgroupWrite } from '../write.ts';
import { CallError } from './connection.ts';
import { deviceProperties, noDevices } from './device-properties.ts';
import { isOfConversation, Systemd } from './manager.ts';
import { type Property, unitProperties } from './properties.ts';
import type { Value } from './types.ts';
import type { Manager } from './unit-name.ts';

/** The unit of a container that is to be started. */
export interface UnitRequest {
  readonly manager: Manager;
  readonly unit: string;
  readonly slice: string;
  readonly description: string;
  /** Of annotations: they come last and so have the last word. */
  readonly properties: readonly Property[];
  readonly origin: string;
}

const noSuchUnit = 'org.freedesktop.systemd1.NoSuchUnit';
const unitExists = 'org.freedesktop.systemd1.UnitExists';

/**
 * Starts the scope with the process in it, its cgroup handed over to us below it, and waits until it is there.
 *
 * @param writes - the limits: what systemd has properties for is in effect then, the files are still to be written
 * @param rules - for devices; undefined when nothing is denied
 * @throws RuntimeError `host.systemd`, `host.systemd-unit`; no unit is left then
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
        // One that failed is remembered until somebody says that it has been seen.
        calmly(() => systemd.resetFailedUnit(unit));
        start();
      }
    } catch (error) {
      if (!isOfConversation(error)) throw error;
      if (!(error instanceof CallError)) {
        calmly(() => systemd.stopUnit(unit));
        calmly(() => systemd.resetFailedUnit(unit));
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
    // Below the scope it is the container's: systemd leaves it alone, and hands every controller down.
    property('Delegate', 'b', true),
    ...['MemoryAccounting', 'CPUAccounting', 'IOAccounting', 'TasksAccounting'].map(name =>
      property(name, 'b', true),
    ),
    // or it would be stopped in the first moments of a shutdown, before who uses it
    property('DefaultDependencies', 'b', false),
  ];
}

/**
 * Stops the unit and removes what is left of its cgroup, processes first: systemd asks them with SIGTERM, which the first
 * process of a pid namespace does not hear, and waits for long.
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
    else if (!isLeft(binding, place.path)) return;
  }
  Systemd.with(binding, manager, systemd => {
    try {
      systemd.stopUnit(unit);
    } catch (error) {
      if (!isOfConversation(error)) throw error;
      if (!(error instanceof CallError && error.errorName === noSuchUnit)) {
        throw refused(error, `unable to stop unit "${unit}"`);
      }
    }
    calmly(() => systemd.resetFailedUnit(unit));
  });
  removeCgroup(binding, place, occupants);
}

/**
 * Tells systemd of new limits, as far as it has properties for them.
 *
 * @param rules - for devices, simplified; undefined when they stay what they are
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
    // systemd adds to the list that it has, unless it is told of an empty one first.
    const properties = [...limits(systemd, writes), ...(devices.length > 0 ? [noDevices] : []), ...devices];
    if (properties.length === 0) return;
    try {
      systemd.setUnitProperties(unit, properties);
    } catch (error) {
      if (!isOfConversation(error)) throw error;
      throw refused(error, `unable to set the properties of unit "${unit}"`);
    }
  });
}

/** Its version is asked for only when there is something whose name depends on it. */
function limits(systemd: Systemd, writes: readonly CgroupWrite[]): Property[] {
  return writes.length === 0 ? [] : unitProperties(writes, systemd.version());
}

/** Of properties with the same name the last: systemd would take lists together. */
function lastOfEach(properties: readonly Property[]): Property[] {
  return [...new Map(properties.map(property => [property.name, property])).values()];
}

/** For what may be done already. */
function calmly(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!isOfConversation(error)) throw error;
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
    return `there is such a unit already: see systemctl status ${unit}; every container needs one of its own`;
  }
  return undefined;
}
