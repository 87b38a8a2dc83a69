// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import type { RdtUpdate } from '../oci/config-linux.ts';
import type { HostStep, Plan } from '../plan/plan.ts';
import {
  joinRdtGroup,
  makeRdtGroup,
  planRdtGroup,
  type RdtPlace,
  readSchemata,
  removeRdtGroup,
  writeSchemata,
} from '../rdt/group.ts';
import { resctrlMountpoint } from '../rdt/mountpoint.ts';
import type { Runtime } from './runtime.ts';
import type { UndoList } from './undo.ts';

type MakeRdtGroup = Extract<HostStep, { op: 'makeRdtGroup' }>;

function rdtStep({ host }: Plan): MakeRdtGroup | undefined {
  return host.find((step): step is MakeRdtGroup => step.op === 'makeRdtGroup');
}

/** Where the container's class of service will be: what is remembered before it is made. */
export function plannedRdt({ binding }: Runtime, plan: Plan, id: string): RdtPlace | undefined {
  const step = rdtStep(plan);
  if (step === undefined) return undefined;
  const root = resctrlMountpoint(binding);
  if (root !== undefined) return planRdtGroup(binding, root, step, id);
  // A class without a share of anything: the check of the config has warned.
  if (step.schemas.length + step.schemata.length === 0) return undefined;
  throw new RuntimeError({
    code: 'host.unsupported',
    message: 'resctrl is mounted no more',
    pointer: step.origin,
  });
}

/**
 * @param found - is told the place when it is another than was to be expected
 */
export function makeRdt(
  { binding }: Runtime,
  plan: Plan,
  place: RdtPlace | undefined,
  undo: UndoList,
  found: (place: RdtPlace) => void,
): void {
  const step = rdtStep(plan);
  if (step === undefined || place === undefined) return;
  let current = place;
  undo.arm(`the class of service ${place.path}`, () => removeRdtGroup(binding, current, false));
  makeRdtGroup(binding, place, step, changed => {
    current = changed;
    found(changed);
  });
}

/** Nothing to do where the class has been removed since: its processes are in the one above then, and so is this one. */
export function joinRdt({ binding }: Runtime, place: RdtPlace | undefined, pid: number): void {
  if (place === undefined || binding.stat(place.path) === undefined) return;
  joinRdtGroup(binding, place, pid, '/linux/intelRdt');
}

/**
 * Gives the container's class of service new schemata.
 *
 * @returns what puts the old ones back
 * @throws RuntimeError `config.unsupported` for a container without a class, `host.unsupported`, `host.rdt`
 */
export function updateRdt(
  { binding }: Runtime,
  place: RdtPlace | undefined,
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
