// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import { unlessMissing } from '../host/files.ts';
import { entryPath } from '../host/paths.ts';
import type { Runtime } from '../lifecycle/runtime.ts';
import { stateDirectory } from '../lifecycle/store.ts';
import type { DirectContainer } from './container.ts';
import type { ContainerRequest } from './request.ts';
import { isUp, stateOf } from './status.ts';
import { containerFiles, containerPath, type DirectStore, findContainer } from './store.ts';

/** `--network container:NAME`: the container has the network namespace of another one, and its names. */

const prefix = 'container:';
/** A larger hosts file, which only the container itself can have filled, is not copied. In bytes. */
const longestFile = 1 << 20;

/** Returns the id of the container whose network this container uses; undefined without one. */
export function joinedId({ networks: [only = ''] }: Pick<DirectContainer, 'networks'>): string | undefined {
  return only.startsWith(prefix) ? only.slice(prefix.length) : undefined;
}

export function joinedNetwork({ id }: Pick<DirectContainer, 'id'>): string {
  return `${prefix}${id}`;
}

/**
 * Refuses options whose values the other container determines, with Docker's texts.
 *
 * @throws RuntimeError `usage.bad-value`
 */
export function checkJoined(
  { network, hostname, dns, hosts, ports, exposed }: ContainerRequest,
  publishAll: boolean,
): void {
  if (typeof network === 'string' || !('container' in network)) return;
  const conflicts: readonly (readonly [boolean, string])[] = [
    [hostname !== undefined, 'hostname and the network mode'],
    [dns.length > 0, 'dns and the network mode'],
    [hosts.length > 0, 'custom host-to-IP mapping and the network mode'],
    [ports.length > 0 || publishAll, 'port publishing and the container type network mode'],
    [exposed.length > 0, 'port exposing and the container type network mode'],
  ];
  const found = conflicts.find(([is]) => is);
  if (found === undefined) return;
  throw new RuntimeError({
    code: 'usage.bad-value',
    message: `conflicting options: ${found[1]}`,
    value: `${prefix}${network.container}`,
    hint: `give the option to the container ${network.container}, whose network this one has`,
  });
}

/**
 * Called before a start: makes the link to the namespace of the other container, which must run, and copies its names.
 */
export function joinNetwork(runtime: Runtime, store: DirectStore, container: DirectContainer): void {
  const id = joinedId(container);
  if (id === undefined) return;
  const { binding } = runtime;
  const other = findContainer(store, id);
  const state = stateOf(runtime, store, other);
  if (!isUp(state)) {
    throw new RuntimeError({
      code: 'direct.not-running',
      message: `cannot join network of a non running container: ${other.name}`,
      value: id,
      hint: `start it first: tsubo container start ${other.name}`,
    });
  }
  const directory = containerPath(store, container.id);
  const link = entryPath(directory, containerFiles.netns);
  onHost(`unable to make ${link}`, () => {
    unlessMissing(() => binding.unlink(link));
    binding.symlink(`/proc/${state.pid}/ns/net`, link);
  });
  // Files of `create` are in the container's directory, those of the runtime in its state directory.
  const places = [containerPath(store, id), stateDirectory(runtime, id)];
  for (const name of [containerFiles.hosts, containerFiles.resolvConf]) {
    const path = entryPath(directory, name);
    const text = places
      .map(place => unlessMissing(() => binding.readText(entryPath(place, name), longestFile)))
      .find(found => found !== undefined);
    if (text !== undefined) onHost(`unable to write ${path}`, () => binding.replaceText(path, text, 0o644));
  }
}
