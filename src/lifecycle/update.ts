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
import { updateRdt } from './rdt.ts';
import { files } from './record.ts';
import type { Runtime } from './runtime.ts';
import { named, parseDocument, type Sources, withSourceLocation } from './source-location.ts';
import { requireStatus, statusOf } from './status.ts';
import { hold, notFound, readRecord, type StateLock } from './store.ts';
import { storedResources } from './stored-resources.ts';
import { warnOf } from './warnings.ts';

/**
 * Like updateContainer, with the document in a file, or `-` for standard input. Failures contain their line in it.
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
  const document = withSourceLocation(source, () => parseDocument(text, name));
  updateContainer(runtime, id, document, { source });
}

/**
 * Changes the limits of a created, running or paused container. If a limit is refused, all of them are restored as far
 * as the kernel allows. Device rules are replaced as a whole and in one step, and only if they differ from the stored
 * ones: vendors' hooks may have added to those of the config.
 *
 * @param document - has the form of `linux.resources` in a config
 * @throws RuntimeError `state.not-found`, `state.not-running`, `state.cgroup-gone`, `config.*`, `host.cgroup-*`, `host.rdt`, `update.usage`
 */
export function updateContainer(
  runtime: Runtime,
  id: string,
  document: unknown,
  options: UpdateOptions = {},
): void {
  const source = options.source ?? { document: 'resources' };
  withSourceLocation(source, () => updateFrom(source, runtime, id, document, options.rdt));
}

export interface UpdateOptions {
  /** Schemata for the container's class of service. Default: unchanged. */
  readonly rdt?: RdtUpdate | undefined;
  /** Source of the document. Default: an argument named resources. */
  readonly source?: Sources;
}

function updateFrom(
  source: Sources,
  runtime: Runtime,
  id: string,
  document: unknown,
  rdt: RdtUpdate | undefined,
): void {
  const requested = checked(runtime, document, source);
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
      change(runtime, held, record.cgroup, requested, source);
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

function change(
  runtime: Runtime,
  held: StateLock,
  place: CgroupPlace,
  requested: Resources,
  source: Sources,
): void {
  const { binding } = runtime;
  const stored = storedResources(runtime, held.directory);
  const merged = mergeResources(stored, requested);
  const read = (file: string): string | undefined => binding.readTextIfThere(`${place.path}/${file}`);
  const warn = (pointer: string, message: string): void => {
    // `create` has already logged warnings about stored values.
    if (isRequested(requested, pointer)) warnOf(runtime, [named({ message, pointer }, source)]);
  };
  const { unit } = place;
  const exact = newWrites(stored, merged, requested, { origin: '', read, warn });
  const writes = unit === undefined ? exact : withWholeQuotas(exact);
  refuseBelowUsage(merged, read);
  const devices =
    (requested.devices ?? []).length === 0 ? undefined : newDeviceRules(runtime, stored, requested);
  try {
    applyOrRestore(binding, place, writes, () => devices?.filter.attach(place.path));
  } finally {
    devices?.filter.close();
  }
  // After the files: systemd must not get a value that the kernel refuses.
  if (unit !== undefined) {
    updateUnit(binding, { ...place, unit }, writes, devices?.rules);
    // Write the files again, as at create: systemd sets two files from one weight.
    applyResources(binding, place, writes);
  }
  const path = joinPath(held.directory, files.resources);
  onHost(`unable to write ${path}`, () => binding.replaceText(path, `${exactJson(merged)}\n`, 0o600));
}

/**
 * Returns the writes that the update needs: all requested values, and all values that change because of them. The
 * others are already in the files: a disk that was removed must not make an update fail.
 */
function newWrites(
  stored: Resources,
  merged: Resources,
  requested: Resources,
  context: ResourceContext,
): CgroupWrite[] {
  const quiet: ResourceContext = { ...context, read: readNothing, warn: () => {} };
  const words = ({ file, value }: CgroupWrite): string => `${file} ${value}`;
  const before = new Set(resourceWrites(stored, quiet).map(words));
  const { blockIO = {}, hugepageLimits = [], rdma = {} } = requested;
  const entries = new Set(resourceWrites({ blockIO, hugepageLimits, rdma }, quiet).map(words));
  return resourceWrites(merged, context).filter(
    write => !before.has(words(write)) || entries.has(words(write)) || isRequested(requested, write.origin),
  );
}

/**
 * Returns true if this property of memory, cpu, pids, ... is in the request. Entries of lists are compared by value
 * elsewhere.
 */
function isRequested(requested: Resources, origin: string): boolean {
  const [, group = '', name = '', index] = origin.split('/');
  const properties = lookUp(requested as Readonly<Record<string, unknown>>, group);
  if (index !== undefined || typeof properties !== 'object' || Array.isArray(properties)) return false;
  return lookUp((properties ?? {}) as Readonly<Record<string, unknown>>, name) !== undefined;
}

/** With `checkBeforeUpdate`, refuses a limit at which the kernel would kill processes of the container at once. */
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
      hint: 'omit checkBeforeUpdate to let the kernel reclaim memory or kill processes',
      spec: 'config-linux.md#memory',
    });
  if (swap > 0 && swap <= usage) throw refuse('memory+swap limit', swap, '/memory/swap');
  if (limit > 0 && limit <= usage) throw refuse('memory limit', limit, '/memory/limit');
}
