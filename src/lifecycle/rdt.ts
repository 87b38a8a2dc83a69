// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import type { RdtUpdate } from '../oci/config-linux.ts';
import {
  joinRdtGroup as joinGroup,
  makeRdtGroup as makeGroup,
  planRdtGroup,
  type RdtGroup,
  type RdtRequest,
  readSchemata,
  removeRdtGroup,
  writeSchemata,
} from '../rdt/group.ts';
import { resctrlMountpoint } from '../rdt/mountpoint.ts';
import type { HostOperation } from './host-context.ts';
import type { Runtime } from './runtime.ts';
import { writeRecord } from './store.ts';

/** Returns the container's future class of service, because the record contains it before the class is made. */
export function plannedRdt({ binding }: Runtime, request: RdtRequest, id: string): RdtGroup | undefined {
  const root = resctrlMountpoint(binding);
  if (root !== undefined) return planRdtGroup(binding, root, request, id);
  // The class would have no schemata: the check of the config has warned.
  if (request.schemas.length + request.schemata.length === 0) return undefined;
  throw new RuntimeError({
    code: 'host.unsupported',
    message: 'resctrl is not mounted any more',
    pointer: request.origin,
  });
}

export const makeRdtGroup: HostOperation<'makeRdtGroup'> = {
  apply([step], context) {
    let place = context.record.rdt;
    if (step === undefined || place === undefined) return;
    const { runtime } = context;
    const { binding } = runtime;
    const { path } = place;
    context.undo.arm(`the class of service ${path}`, () => {
      if (place !== undefined) removeRdtGroup(binding, place, false);
    });
    makeGroup(binding, place, step, changed => {
      place = changed;
      context.record = { ...context.record, rdt: changed };
      writeRecord(runtime, context.record);
    });
  },
};

/** Does nothing if the class was removed: the container's processes, including this one, are in the parent class. */
export const joinRdtGroup: HostOperation<'joinRdtGroup'> = {
  apply([step], context) {
    const { binding } = context.runtime;
    const place = context.record.rdt;
    if (step === undefined || place === undefined || binding.stat(place.path) === undefined) return;
    joinGroup(binding, place, context.init.pid, step.origin);
  },
};

/**
 * Writes new schemata to the container's class of service.
 *
 * @returns a function that restores the old ones
 * @throws RuntimeError `config.unsupported` for a container without a class, `host.unsupported`, `host.rdt`
 */
export function updateRdt(
  { binding }: Runtime,
  place: RdtGroup | undefined,
  { l3CacheSchema = '', memBwSchema = '' }: RdtUpdate,
): () => void {
  const lines = [l3CacheSchema, memBwSchema].filter(text => text !== '');
  if (place === undefined) {
    throw new RuntimeError({
      code: 'config.unsupported',
      message: 'updating a non-existent Intel RDT configuration is not supported',
      value: lines.join(' '),
      hint: 'the container was created without linux.intelRdt: leave the schemata out',
    });
  }
  const before = readSchemata(binding, place).split('\n');
  writeSchemata(binding, place, lines);
  return () => {
    const names = lines.map(line => line.slice(0, line.indexOf(':')));
    const old = before
      .map(line => line.trim())
      .filter(line => names.some(name => line.startsWith(`${name}:`)));
    writeSchemata(binding, place, old);
  };
}
