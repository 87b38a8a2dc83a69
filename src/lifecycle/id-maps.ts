// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { isSystemError, onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { openReadOnly } from '../host/files.ts';
import { findProgram } from '../host/find-program.ts';
import { isMachineRoot } from '../host/privilege.ts';
import type { IDMapping } from '../oci/config.ts';
import type { IdMap } from '../plan/host-trees.ts';
import { idMapText } from '../plan/id-map-text.ts';
import type { HostStepOf } from '../plan/plan.ts';
import { type IdMapRequest, idMapFailure, idMapToolFailure, otherMappings } from '../plan/user-namespace.ts';
import type { HostOperation } from './host-context.ts';
import type { Runtime } from './runtime.ts';

type Kind = IdMapRequest['kind'];

type MapIds = HostStepOf<'mapIds'>;

export const mapIds: HostOperation<'mapIds'> = {
  apply([step], context) {
    if (step === undefined) return;
    const { binding } = context.runtime;
    const { pid } = context.init;
    writeMap(binding, pid, 'uid', step.uids, '/linux');
    writeMap(binding, pid, 'gid', step.gids, '/linux');
  },
};

/** Makes a user namespace with these mappings and without processes, for id-mapped mounts. The caller closes it. */
export function mappedNamespace({ binding }: Runtime, idmap: IdMap, origin: string): number {
  const pid = onHost('unable to make a user namespace', () => binding.endInUserNamespace(-1), {
    pointer: origin,
    hint: 'this kernel has no user namespaces, or the limit in the sysctl user.max_user_namespaces is reached',
  });
  try {
    writeMap(binding, pid, 'uid', idmap.uids ?? [], origin);
    writeMap(binding, pid, 'gid', idmap.gids ?? [], origin);
    return openReadOnly(binding, `/proc/${pid}/ns/user`);
  } finally {
    binding.reap(pid);
  }
}

/**
 * Engines give mappings also to a container that joins a user namespace: they must equal the namespace's own.
 *
 * @throws RuntimeError `config.user-namespace.joined-mappings` if they differ
 */
export function requireMappings(
  binding: Binding,
  namespace: number,
  { uids, gids }: Required<Pick<MapIds, 'uids' | 'gids'>>,
  path: string,
): void {
  const pid = onHost('unable to read the mappings of a user namespace', () =>
    binding.endInUserNamespace(namespace),
  );
  try {
    for (const [kind, wanted] of [
      ['uid', uids],
      ['gid', gids],
    ] as const) {
      const map = `/proc/${pid}/${kind}_map`;
      const found = onHost(`unable to read ${map}`, () => binding.readText(map));
      const lines = found.split('\n').map(line => line.trim().split(/\s+/).join(' '));
      if (inOrder(lines) === inOrder(idMapText(wanted).split('\n'))) continue;
      throw otherMappings(kind, path, lines.filter(line => line !== '').join(', '));
    }
  } finally {
    binding.reap(pid);
  }
}

function inOrder(lines: readonly string[]): string {
  return lines
    .filter(line => line !== '')
    .sort()
    .join('\n');
}

/**
 * @param around - pointer of the object that contains the mappings
 */
function writeMap(
  binding: Binding,
  pid: number,
  kind: Kind,
  mappings: readonly IDMapping[],
  around: string,
): void {
  const request = { kind, mappings, origin: `${around}/${kind}Mappings` };
  const text = idMapText(mappings);
  const path = `/proc/${pid}/${kind}_map`;
  try {
    try {
      binding.writeText(path, text, 0, 0);
    } catch (error) {
      // EPERM: without CAP_SETUID or CAP_SETGID in the parent user namespace only the own id may be mapped.
      if (!isSystemError(error) || error.errno !== errno.EPERM) throw error;
      if (kind === 'gid' && isOwnAlone(mappings, binding.identity().egid)) {
        binding.writeText(`/proc/${pid}/setgroups`, 'deny', 0, 0);
        binding.writeText(path, text, 0, 0);
      } else if (!mapWithTool(binding, pid, request)) {
        throw error;
      }
    }
  } catch (error) {
    if (!isSystemError(error)) throw error;
    // The init has exited, and its report has the cause.
    if (error.errno === errno.ENOENT || error.errno === errno.ESRCH) return;
    throw idMapFailure(request, error, isMachineRoot(binding));
  }
}

/**
 * Returns true for the mapping that needs no privilege once setgroups(2) is denied in the namespace
 * (user_namespaces(7)).
 */
function isOwnAlone(mappings: readonly IDMapping[], own: number): boolean {
  const [first] = mappings;
  return mappings.length === 1 && first?.hostID === own && first.size === 1;
}

/**
 * Maps ids with newuidmap(1) or newgidmap(1), which allow the ids that the administrator gave to the user. Returns
 * false if the program is not installed.
 *
 * @throws RuntimeError `host.id-mapping` with the message of the program
 */
function mapWithTool(binding: Binding, pid: number, request: IdMapRequest): boolean {
  const name = `new${request.kind}map`;
  const path = findProgram(binding, name);
  if (path === undefined) return false;
  const numbers = request.mappings.flatMap(({ containerID, hostID, size }) => [containerID, hostID, size]);
  const args = [name, pid, ...numbers].map(String);
  const { code, stderr } = onHost(`unable to run ${path}`, () =>
    binding.runHook({ path, args, env: [], input: '', directory: '/', timeoutMs: toolTimeoutMs }),
  );
  if (code !== 0) throw idMapToolFailure(request, path, stderr);
  return true;
}

const toolTimeoutMs = 10_000;
