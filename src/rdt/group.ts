// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { type ErrorFields, RuntimeError } from '../errors/error.ts';
import { hostFailure, isSystemError } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { joinPath } from '../host/paths.ts';
import { mismatch } from './schemata.ts';

/** A container's class of service, as it is remembered in the state directory. */
export interface RdtPlace {
  /** Where resctrl is mounted. */
  readonly root: string;
  /** The directory of the class; `root` itself for the default one. */
  readonly path: string;
  /** It was not there before. */
  readonly made: boolean;
  /** The config has named it: others may use it too, and it stays. */
  readonly named: boolean;
  /** The directory of the monitoring group. */
  readonly monitoring?: string;
}

/** What a config asks of the class. */
export interface RdtRequest {
  /** `/` for the default class; empty for one of the container's own. */
  readonly closID: string;
  /** `l3CacheSchema` and `memBwSchema`, as far as they are given: what a class that is there already must have. */
  readonly schemas: readonly string[];
  readonly schemata: readonly string[];
  readonly monitoring: boolean;
  readonly origin: string;
}

const directoryMode = 0o755;
const spec = 'config-linux.md#intelrdt';

/** Where the class will be. Looks, and makes nothing. */
export function planRdtGroup(binding: Binding, root: string, request: RdtRequest, id: string): RdtPlace {
  const { closID, monitoring } = request;
  const path = closID === '/' ? root : joinPath(root, closID || id);
  return {
    root,
    path,
    made: binding.stat(path) === undefined,
    named: closID !== '',
    ...(monitoring && { monitoring: `${path}/mon_groups/${id}` }),
  };
}

/**
 * Makes what is not there, and gives the class its schemata: first those of the properties of their own, then the list.
 * All lines of a write take effect, or none.
 *
 * @param found - is told the place when somebody else has made it since it was looked for
 * @throws RuntimeError `host.rdt` with the pointer of what was refused; `state.rdt-mismatch` when a class that is there
 *   already has other schemata
 */
export function makeRdtGroup(
  binding: Binding,
  place: RdtPlace,
  request: RdtRequest,
  found: (place: RdtPlace) => void,
): void {
  const { path, made } = place;
  const { schemas, schemata, origin } = request;
  if (place.named && made && schemas.length + schemata.length === 0) {
    throw new RuntimeError({
      code: 'host.rdt',
      stage: 'host',
      message: `there is no class of service ${path}, which has to be there when it is given no schemata`,
      pointer: `${origin}/closID`,
      path,
      value: request.closID,
      hint: 'give schemata, or make it beforehand with mkdir(1)',
      spec,
    });
  }
  const attempt = `unable to make the class of service ${path}`;
  const ours =
    made && refusable(binding, place, attempt, { pointer: origin, path }, () => makeDirectory(binding, path));
  if (made && !ours) found({ ...place, made: false });
  if (!ours && place.named) requireSchemas(binding, place, request);
  writeSchemata(binding, place, schemas, origin);
  writeSchemata(binding, place, schemata, `${origin}/schemata`);
  const { monitoring } = place;
  if (monitoring === undefined) return;
  const at = { pointer: `${origin}/enableMonitoring`, path: monitoring };
  refusable(binding, place, `unable to make the monitoring group ${monitoring}`, at, () => {
    if (makeDirectory(binding, monitoring)) return;
    // One that was left behind is as good as new.
    if (binding.readText(`${monitoring}/tasks`).trim() === '') return;
    throw Object.assign(new Error('mkdir'), { syscall: 'mkdir', errno: errno.EEXIST, path: monitoring });
  });
}

/** False when it is there already. */
function makeDirectory(binding: Binding, path: string): boolean {
  try {
    binding.mkdir(path, directoryMode);
    return true;
  } catch (error) {
    if (isSystemError(error) && error.errno === errno.EEXIST) return false;
    throw error;
  }
}

function requireSchemas(binding: Binding, place: RdtPlace, { schemas, origin }: RdtRequest): void {
  if (schemas.length === 0) return;
  const file = `${place.path}/schemata`;
  const text = readSchemata(binding, place, origin);
  const step = Number(binding.readTextIfThere(`${place.root}/info/MB/bandwidth_gran`) ?? '');
  const differs = mismatch(schemas, text, step || 1);
  if (differs === undefined) return;
  throw new RuntimeError({
    code: 'state.rdt-mismatch',
    message: `the class of service ${place.path} is there already and has other schemata: ${differs.line} was asked for, it has ${differs.found ?? 'none of that name'}`,
    pointer: origin,
    path: file,
    value: differs.line,
    hint: 'containers that share a class name the same schemata, or none: else give a closID of its own',
    spec,
  });
}

export function readSchemata(binding: Binding, place: RdtPlace, pointer?: string): string {
  const path = `${place.path}/schemata`;
  return refusable(binding, place, `unable to read ${path}`, { pointer, path }, () => binding.readText(path));
}

/** One write: see makeRdtGroup. */
export function writeSchemata(
  binding: Binding,
  place: RdtPlace,
  lines: readonly string[],
  pointer?: string,
): void {
  if (lines.length === 0) return;
  const path = `${place.path}/schemata`;
  const value = lines.join('\n');
  refusable(
    binding,
    place,
    `unable to write ${JSON.stringify(value)} to ${path}`,
    { pointer, path, value },
    () => binding.writeText(path, `${value}\n`, 0, 0),
  );
}

/** Moves the process in. One that has ended is no failure: its report says why. */
export function joinRdtGroup(binding: Binding, place: RdtPlace, pid: number, pointer?: string): void {
  for (const directory of [place.path, place.monitoring]) {
    if (directory === undefined) continue;
    const path = `${directory}/tasks`;
    refusable(binding, place, `unable to add process ${pid} to ${path}`, { pointer, path }, () => {
      try {
        binding.writeText(path, String(pid), 0, 0);
      } catch (error) {
        if (!isSystemError(error) || error.errno !== errno.ESRCH) throw error;
      }
    });
  }
}

/**
 * Removes what is the container's alone. The kernel moves who is left in it to the class above.
 *
 * @param created - false for a create that did not come to its end: then a class that it made under a name of the config
 *   goes too; what somebody else is in stays
 */
export function removeRdtGroup(binding: Binding, place: RdtPlace, created: boolean): void {
  const { path, made, named, monitoring } = place;
  const unused = (directory: string): boolean => binding.readTextIfThere(`${directory}/tasks`)?.trim() === '';
  // With a class of the container's own it goes anyway.
  if (monitoring !== undefined && (named || !made) && (created || unused(monitoring))) {
    removeDirectory(binding, monitoring);
  }
  if (made && (!named || (!created && unused(path)))) removeDirectory(binding, path);
}

function removeDirectory(binding: Binding, path: string): void {
  try {
    binding.rmdir(path);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.errno === errno.ENOENT) return;
    throw hostFailure(error, `unable to remove the class of service ${path}`);
  }
}

/** Does `work`; a refusal becomes `host.rdt`, with the kernel's own words where it has any. */
function refusable<T>(
  binding: Binding,
  { root }: RdtPlace,
  attempt: string,
  fields: Partial<ErrorFields>,
  work: () => T,
): T {
  try {
    return work();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const words = binding.readTextIfThere(`${root}/info/last_cmd_status`)?.trim() ?? '';
    throw hostFailure(error, attempt, {
      code: 'host.rdt',
      ...fields,
      hint: words === '' || words === 'ok' ? hints[error.errno] : `the kernel says: ${words}`,
      spec,
    });
  }
}

const hints: Readonly<Record<number, string>> = {
  [errno.ENOSPC]: 'there are only so many: see num_closids and num_rmids in the directories of info',
  [errno.EINVAL]:
    'see info for what the processor has, and schemata of the default class for how it is written',
  [errno.EEXIST]: 'a process of somebody else is in it',
};
