// SPDX-License-Identifier: Apache-2.0

import { applyResources } from '../cgroup/apply.ts';
import type { CgroupPlace } from '../cgroup/directory.ts';
import { mergeResources } from '../cgroup/merge.ts';
import { resourceWrites } from '../cgroup/resources.ts';
import { applyOrRestore } from '../cgroup/restore.ts';
import { withWholeQuotas } from '../cgroup/systemd/quota.ts';
import { updateUnit } from '../cgroup/systemd/unit.ts';
import { type CgroupWrite, type ResourceContext, readNothing } from '../cgroup/write.ts';
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import { joinPath } from '../host/paths.ts';
import type { RdtUpdate } from '../oci/config-linux.ts';
import { lookUp } from '../oci/look-up.ts';
import type { Resources } from '../oci/resources.ts';
import { exactJson } from '../plan/exact-json.ts';
import { checkResourcesDocument } from '../validate/check-resources.ts';
import { newDeviceRules } from './device-filter.ts';
import { requireCgroup } from './own-cgroup.ts';
import { named, parseDocument, type Sources, withPlace } from './place.ts';
import { updateRdt } from './rdt.ts';
import { files } from './record.ts';
import type { Runtime } from './runtime.ts';
import { requireStatus, statusOf } from './status.ts';
import { type Held, hold, notFound, readRecord } from './store.ts';
import { storedResources } from './stored-resources.ts';
import { warnOf } from './warnings.ts';

/**
 * As updateContainer, with the document in a file, `-` for standard input. Failures know their line in it.
 *
 * @param path - relative to the working directory
 */
export function updateFromDocument(runtime: Runtime, id: string, path: string): void {
  const { binding } = runtime;
  const text = onHost(`unable to read ${path === '-' ? 'standard input' : path}`, () =>
    path === '-' ? binding.readAll(0) : binding.readText(path),
  );
  const name = path === '-' ? 'standard input' : path;
  const source = { text, document: name };
  const document = withPlace(source, () => parseDocument(text, name));
  updateContainer(runtime, id, document, { source });
}

/**
 * Changes the limits of a container that is created, running or paused. When a limit is refused all of them are as they
 * were, as far as the kernel lets them. Device rules are replaced as a whole and in one step, where other ones are asked
 * for than those that hold: hooks of vendors may have added to what a config asks for.
 *
 * @param document - what `linux.resources` of a config is
 * @throws RuntimeError `state.not-found`, `state.not-running`, `state.cgroup-gone`, `config.*`, `host.cgroup-*`, `host.rdt`, `update.usage`
 */
export function updateContainer(
  runtime: Runtime,
  id: string,
  document: unknown,
  options: UpdateOptions = {},
): void {
  const source = options.source ?? { document: 'resources' };
  withPlace(source, () => updateFrom(source, runtime, id, document, options.rdt));
}

export interface UpdateOptions {
  /** For the class of service of a container that has one. Default: it stays as it is. */
  readonly rdt?: RdtUpdate | undefined;
  /** Where the document is from. Default: an argument that is called resources. */
  readonly source?: Sources;
}

function updateFrom(
  source: Sources,
  runtime: Runtime,
  id: string,
  document: unknown,
  rdt: RdtUpdate | undefined,
): void {
  const asked = checked(runtime, document, source);
  requireStatus('update', id, statusOf(runtime, readRecord(runtime, id), { held: false }));
  const held = hold(runtime, id);
  if (held === undefined) throw notFound(runtime, id);
  try {
    const record = readRecord(runtime, id);
    requireStatus('update', id, statusOf(runtime, record, { held: true }));
    if (record.cgroup === undefined) {
      throw new RuntimeError({
        code: 'host.cgroup-controller',
        message: `container ${id} has no cgroup of its own`,
      });
    }
    requireCgroup(runtime.binding, record, record.cgroup.path, `unable to update container ${id}`);
    const putBack = rdt === undefined ? () => {} : updateRdt(runtime, record.rdt, rdt);
    try {
      change(runtime, held, record.cgroup, asked, source);
    } catch (error) {
      putBack();
      throw error;
    }
  } finally {
    held.release();
  }
}

function checked(runtime: Runtime, document: unknown, source: Sources): Resources {
  const { resources, problems, warnings } = checkResourcesDocument(document);
  warnOf(
    runtime,
    warnings.map(warning => named(warning, source)),
  );
  if (resources !== undefined) return resources;
  const [first = { code: 'internal', message: 'resources without problems' }] = problems;
  throw new RuntimeError({ ...first, problems });
}

function change(runtime: Runtime, held: Held, place: CgroupPlace, asked: Resources, source: Sources): void {
  const { binding } = runtime;
  const stored = storedResources(runtime, held.directory);
  const merged = mergeResources(stored, asked);
  const read = (file: string): string | undefined => binding.readTextIfThere(`${place.path}/${file}`);
  const warn = (pointer: string, message: string): void => {
    // What create has said is not said again.
    if (isAsked(asked, pointer)) warnOf(runtime, [named({ message, pointer }, source)]);
  };
  const { unit } = place;
  const exact = newWrites(stored, merged, asked, { origin: '', read, warn });
  const writes = unit === undefined ? exact : withWholeQuotas(exact);
  refuseBelowUsage(merged, read);
  const devices = (asked.devices ?? []).length === 0 ? undefined : newDeviceRules(runtime, stored, asked);
  try {
    applyOrRestore(binding, place, writes, () => devices?.filter.attach(place.path));
  } finally {
    devices?.filter.close();
  }
  // After the files: what the kernel refuses, systemd is not told.
  if (unit !== undefined) {
    updateUnit(binding, { ...place, unit }, writes, devices?.rules);
    // The files have the last word, as at create: systemd has one weight for two files.
    applyResources(binding, place, writes);
  }
  const path = joinPath(held.directory, files.resources);
  onHost(`unable to write ${path}`, () => binding.replaceText(path, `${exactJson(merged)}\n`, 0o600));
}

/**
 * Of what the merged resources come to, all that is asked for, and what has changed by that. The rest is in the files
 * already: a disk that has been taken out since is no reason to fail.
 */
function newWrites(
  stored: Resources,
  merged: Resources,
  asked: Resources,
  context: ResourceContext,
): CgroupWrite[] {
  const quiet: ResourceContext = { ...context, read: readNothing, warn: () => {} };
  const words = ({ file, value }: CgroupWrite): string => `${file} ${value}`;
  const before = new Set(resourceWrites(stored, quiet).map(words));
  const { blockIO = {}, hugepageLimits = [], rdma = {} } = asked;
  const entries = new Set(resourceWrites({ blockIO, hugepageLimits, rdma }, quiet).map(words));
  return resourceWrites(merged, context).filter(
    write => !before.has(words(write)) || entries.has(words(write)) || isAsked(asked, write.origin),
  );
}

/** True when this property of memory, cpu, pids, ... is in the request. Entries of lists are looked at by value. */
function isAsked(asked: Resources, origin: string): boolean {
  const [, group = '', name = '', index] = origin.split('/');
  const properties = lookUp(asked as Readonly<Record<string, unknown>>, group);
  if (index !== undefined || typeof properties !== 'object' || Array.isArray(properties)) return false;
  return lookUp((properties ?? {}) as Readonly<Record<string, unknown>>, name) !== undefined;
}

/** With `checkBeforeUpdate` a limit that would have the container's processes killed at once is refused. */
function refuseBelowUsage({ memory }: Resources, read: (file: string) => string | undefined): void {
  const { limit = 0, swap = 0, checkBeforeUpdate } = memory ?? {};
  const usage = checkBeforeUpdate ? Number(read('memory.current') ?? 0) : 0;
  if (usage === 0) return;
  const refuse = (what: string, value: number | bigint, pointer: string): RuntimeError =>
    new RuntimeError({
      code: 'update.usage',
      pointer,
      message: `rejecting ${what} ${value} <= usage ${usage}`,
      value: String(value),
      hint: 'leave checkBeforeUpdate out to have the kernel reclaim or kill what is too much',
      spec: 'config-linux.md#memory',
    });
  if (swap > 0 && swap <= usage) throw refuse('memory+swap limit', swap, '/memory/swap');
  if (limit > 0 && limit <= usage) throw refuse('memory limit', limit, '/memory/limit');
}
