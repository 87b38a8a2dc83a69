// SPDX-License-Identifier: Apache-2.0
import { rowOf } from '../../direct/describe.ts';
import { healthOf, healthText } from '../../direct/health.ts';
import { stateOf } from '../../direct/status.ts';
import { requireUp } from '../../direct/stop.ts';
import { type DirectStore, findContainer, listContainers } from '../../direct/store.ts';
import type { ErrorFields } from '../../errors/error.ts';
import { toRuntimeError } from '../../errors/system.ts';
import { imageStore } from '../../image/blobs.ts';
import { formatPlatform } from '../../image/platform.ts';
import { shortReference } from '../../image/reference.ts';
import { readImages } from '../../image/store.ts';
import { listNetworks } from '../../lifecycle/network/manage.ts';
import type { Runtime } from '../../lifecycle/runtime.ts';
import type { ContainerRow, ImageRow, NetworkDrawing } from './messages.ts';

/** The state of the machine, read with the functions of `container ls`, `image ls` and `network ls`. */
export interface Collected {
  readonly containers: readonly ContainerRow[];
  readonly images: readonly ImageRow[];
  readonly networks: readonly NetworkDrawing[];
  readonly problems: readonly ErrorFields[];
}

/** Reads all parts. If a part cannot be read, the others are returned with its error. */
export function collect(runtime: Runtime): Collected {
  const store = imageStore(runtime.binding);
  const problems: ErrorFields[] = [];
  const report = (error: unknown): void => {
    problems.push(toRuntimeError(error).fields());
  };
  const part = <T>(read: () => readonly T[]): readonly T[] => {
    try {
      return read();
    } catch (error) {
      report(error);
      return [];
    }
  };
  const found = part(() => containersIn(runtime, store, report));
  const containers = found.map(({ row }) => row);
  const names = new Map(found.map(({ row: { id, name } }) => [id, name]));
  const images = part(() => imagesIn(store, found, report));
  const networks = part(() => networksIn(runtime, names, report));
  return { containers, images, networks, problems };
}

interface Found {
  readonly row: ContainerRow;
  readonly imageId: string;
}

function containersIn(runtime: Runtime, store: DirectStore, report: (error: unknown) => void): Found[] {
  const { containers, damaged } = listContainers(store);
  damaged.forEach(report);
  const now = runtime.binding.now();
  return containers.map(container => {
    const state = stateOf(runtime, store, container);
    if (state.problem !== undefined) report(state.problem);
    const { Command, Status, Ports } = rowOf(
      container,
      state,
      now,
      true,
      healthText(healthOf(store, container)),
    );
    const { id, name, image, created, networks } = container;
    return {
      imageId: container.imageId,
      row: {
        ...{ id, name, image, created, networks },
        command: JSON.parse(Command) as string,
        state: state.status,
        status: Status,
        ports: Ports,
        pid: state.pid,
      },
    };
  });
}

function imagesIn(store: DirectStore, found: readonly Found[], report: (error: unknown) => void): ImageRow[] {
  const { images, damaged } = readImages(store);
  damaged.forEach(report);
  return images
    .map(({ id, references, created, size, layers, platform }) => ({
      ...{ id, created, size },
      names: references.map(shortReference),
      layers: layers.length,
      platform: formatPlatform(platform),
      users: found.filter(({ imageId }) => imageId === id).map(({ row }) => row.name),
    }))
    .sort((one, other) => (one.created < other.created ? 1 : -1));
}

function networksIn(
  runtime: Runtime,
  names: ReadonlyMap<string, string>,
  report: (error: unknown) => void,
): NetworkDrawing[] {
  const { networks, damaged } = listNetworks(runtime);
  damaged.forEach(report);
  return networks.map(({ name, bridge, state, ipv4, ipv6, internal, isolated, containers }) => ({
    ...{ name, bridge, state, internal, isolated },
    ranges: ipv6 === undefined ? [ipv4] : [ipv4, ipv6],
    containers: containers
      .map(({ id, addresses, ports = [] }) => ({ id, addresses, ports, name: names.get(id) ?? id }))
      .sort((one, other) => one.name.localeCompare(other.name, 'en', { numeric: true })),
  }));
}

/** @throws RuntimeError as `container exec` if the container does not run */
export function requireRunning(runtime: Runtime, id: string): void {
  const store = imageStore(runtime.binding);
  requireUp(runtime, store, findContainer(store, id), 'exec in');
}
