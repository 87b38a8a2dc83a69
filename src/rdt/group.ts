// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { type ErrorFields, RuntimeError } from '../errors/error.ts';
import { hostFailure, isSystemError } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { joinPath } from '../host/paths.ts';
import { mismatch } from './schemata.ts';

/** A container's class of service, as stored in the state directory. */
export interface RdtGroup {
  /** The mount point of resctrl. */
  readonly root: string;
  /** The directory of the class; `root` for the default class. */
  readonly path: string;
  /** The runtime has created the class. */
  readonly made: boolean;
  /** The config contains the name: other containers may share the class, therefore it is not removed. */
  readonly named: boolean;
  /** The directory of the monitoring group. */
  readonly monitoring?: string;
}

/** The requested class of service. */
export interface RdtRequest {
  /** `/` for the default class; empty for a class of the container itself. */
  readonly closID: string;
  /** The given values of `l3CacheSchema` and `memBwSchema`: an existing class must have them. */
  readonly schemas: readonly string[];
  readonly schemata: readonly string[];
  readonly monitoring: boolean;
  readonly origin: string;
}

const directoryMode = 0o755;
const spec = 'config-linux.md#intelrdt';

/** Returns the paths of the class; creates nothing. */
export function planRdtGroup(binding: Binding, root: string, request: RdtRequest, id: string): RdtGroup {
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
 * Creates missing directories and sets the schemata of the class: first the properties with one line each, then the
 * list. The kernel applies all lines of a write or none.
 *
 * @param found - called with the actual place if another process has created the class since planRdtGroup
 * @throws RuntimeError `host.rdt` with the pointer of the rejected value; `state.rdt-mismatch` if an existing class
 *   has other schemata
 */
export function makeRdtGroup(
  binding: Binding,
  place: RdtGroup,
  request: RdtRequest,
  found: (place: RdtGroup) => void,
): void {
  const { path, made } = place;
  const { schemas, schemata, origin } = request;
  if (place.named && made && schemas.length + schemata.length === 0) {
    throw new RuntimeError({
      code: 'host.rdt',
      stage: 'host',
      message: `class of service ${path} does not exist and no schemata are given to create it`,
      pointer: `${origin}/closID`,
      path,
      value: request.closID,
      hint: 'give schemata, or make it beforehand with mkdir(1)',
      spec,
    });
  }
  const attempt = `unable to make the class of service ${path}`;
  const created =
    made &&
    withRdtError(binding, place, attempt, { pointer: origin, path }, () => makeDirectory(binding, path));
  if (made && !created) found({ ...place, made: false });
  if (!created && place.named) requireSchemas(binding, place, request);
  writeSchemata(binding, place, schemas, origin);
  writeSchemata(binding, place, schemata, `${origin}/schemata`);
  const { monitoring } = place;
  if (monitoring === undefined) return;
  const at = { pointer: `${origin}/enableMonitoring`, path: monitoring };
  withRdtError(binding, place, `unable to make the monitoring group ${monitoring}`, at, () => {
    if (makeDirectory(binding, monitoring)) return;
    // An empty group of an earlier container can be reused.
    if (binding.readText(`${monitoring}/tasks`).trim() === '') return;
    throw Object.assign(new Error('mkdir'), { syscall: 'mkdir', errno: errno.EEXIST, path: monitoring });
  });
}

/** Returns false if the directory exists. */
function makeDirectory(binding: Binding, path: string): boolean {
  try {
    binding.mkdir(path, directoryMode);
    return true;
  } catch (error) {
    if (isSystemError(error) && error.errno === errno.EEXIST) return false;
    throw error;
  }
}

function requireSchemas(binding: Binding, place: RdtGroup, { schemas, origin }: RdtRequest): void {
  if (schemas.length === 0) return;
  const file = `${place.path}/schemata`;
  const text = readSchemata(binding, place, origin);
  const step = Number(binding.readTextIfThere(`${place.root}/info/MB/bandwidth_gran`) ?? '');
  const differs = mismatch(schemas, text, step || 1);
  if (differs === undefined) return;
  throw new RuntimeError({
    code: 'state.rdt-mismatch',
    message: `the class of service ${place.path} exists with other schemata: requested ${differs.line}, found ${differs.found ?? 'none of that name'}`,
    pointer: origin,
    path: file,
    value: differs.line,
    hint: 'containers that share a class must have the same schemata or none; otherwise use another closID',
    spec,
  });
}

export function readSchemata(binding: Binding, place: RdtGroup, pointer?: string): string {
  const path = `${place.path}/schemata`;
  return withRdtError(binding, place, `unable to read ${path}`, { pointer, path }, () =>
    binding.readText(path),
  );
}

/** Writes all lines in one write: see makeRdtGroup. */
export function writeSchemata(
  binding: Binding,
  place: RdtGroup,
  lines: readonly string[],
  pointer?: string,
): void {
  if (lines.length === 0) return;
  const path = `${place.path}/schemata`;
  const value = lines.join('\n');
  withRdtError(
    binding,
    place,
    `unable to write ${JSON.stringify(value)} to ${path}`,
    { pointer, path, value },
    () => binding.writeText(path, `${value}\n`, 0, 0),
  );
}

/** Moves the process into the class. Ignores a process that has exited: its report contains the cause. */
export function joinRdtGroup(binding: Binding, place: RdtGroup, pid: number, pointer?: string): void {
  for (const directory of [place.path, place.monitoring]) {
    if (directory === undefined) continue;
    const path = `${directory}/tasks`;
    withRdtError(binding, place, `unable to add process ${pid} to ${path}`, { pointer, path }, () => {
      try {
        binding.writeText(path, String(pid), 0, 0);
      } catch (error) {
        if (!isSystemError(error) || error.errno !== errno.ESRCH) throw error;
      }
    });
  }
}

/**
 * Removes the directories that belong only to the container. The kernel moves remaining processes to the parent
 * class.
 *
 * @param created - false after a failed create: then a class that it created under a name from the config is removed
 *   too; a directory that other processes use is kept
 */
export function removeRdtGroup(binding: Binding, place: RdtGroup, created: boolean): void {
  const { path, made, named, monitoring } = place;
  const unused = (directory: string): boolean => binding.readTextIfThere(`${directory}/tasks`)?.trim() === '';
  // A class of the container itself is removed together with its monitoring group.
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

/** Calls `work`; an error becomes `host.rdt`, with the message of the kernel if there is one. */
function withRdtError<T>(
  binding: Binding,
  { root }: RdtGroup,
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
      hint: words === '' || words === 'ok' ? hints[error.errno] : `the kernel reports: ${words}`,
      spec,
    });
  }
}

const hints: Readonly<Record<number, string>> = {
  [errno.ENOSPC]: 'their number is limited: see num_closids and num_rmids in the directories of info',
  [errno.EINVAL]: 'info describes the processor, and the file schemata of the default class shows the syntax',
  [errno.EEXIST]: 'it contains a process of another user',
};
