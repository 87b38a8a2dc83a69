// SPDX-License-Identifier: Apache-2.0
import type { DirectContainer } from '../direct/container.ts';
import { stateOf } from '../direct/status.ts';
import { containerFiles, containerPath, type DirectStore, withContainerLock } from '../direct/store.ts';
import { RuntimeError } from '../errors/error.ts';
import { entryPath } from '../host/paths.ts';
import { layersPath } from '../image/blobs.ts';
import { addDraft, type ConfigMembers, draftOf, fixedTime, type ImageDraft } from '../image/new-image.ts';
import { changesOf, type UpperTree, writeLayer } from '../image/new-layer.ts';
import { findImage, type StoredImage } from '../image/store.ts';
import { pauseContainer, resumeContainer } from '../lifecycle/pause.ts';
import type { Runtime } from '../lifecycle/runtime.ts';
import { timestamp, timestampSeconds } from '../lifecycle/timestamp.ts';
import { syntaxError } from './instruction.ts';
import { parseDockerfile } from './parse.ts';
import { applySetting, environmentOf } from './settings.ts';

export interface CommitRequest {
  /** Complete name of the image; undefined for an image without a name. */
  readonly reference: string | undefined;
  readonly author: string;
  readonly message: string;
  /** Instructions of a Dockerfile that change the config. */
  readonly changes: readonly string[];
  /** The container is suspended meanwhile. */
  readonly pause: boolean;
}

/** Files that the runtime mounts in every container with a network. */
const ownFiles = ['/etc/hosts', '/etc/resolv.conf', '/etc/hostname'];

/**
 * Makes an image of a container: the image's layers, one with the container's changes, and its command and environment.
 *
 * @returns the id of the image
 * @throws RuntimeError `image.unknown`, `image.unpackable`, `build.syntax`
 */
export function commitDirect(
  runtime: Runtime,
  store: DirectStore,
  container: DirectContainer,
  request: CommitRequest,
): string {
  const { binding } = runtime;
  const base = baseOf(store, container);
  const latest = fixedTime(binding);
  const draft = draftOf(store, base);
  const config = changedConfig(configOf(store, container, base, draft), request.changes);
  const layer = suspended(runtime, store, container, request.pause, () =>
    writeLayer(store, upperOf(store, container), { latest }),
  );
  const created =
    latest === undefined ? timestamp(binding.now()) : timestampSeconds(BigInt(latest) * 1_000_000_000n);
  const isEmpty = layer.entries === 0;
  const entry = {
    created,
    created_by: container.command.join(' '),
    ...(request.author !== '' && { author: request.author }),
    ...(request.message !== '' && { comment: request.message }),
    ...(isEmpty && { empty_layer: true }),
  };
  const made: ImageDraft = {
    ...draft,
    author: request.author === '' ? draft.author : request.author,
    config,
    layers: isEmpty ? draft.layers : [...draft.layers, layer],
    history: [...draft.history, entry],
  };
  return addDraft(store, made, created, request.reference === undefined ? [] : [request.reference]);
}

/** Returns the changes of a container as lines `A /path`, `C /path` and `D /path`. */
export function diffDirect(store: DirectStore, container: DirectContainer): readonly string[] {
  return changesOf(store, upperOf(store, container));
}

function baseOf(store: DirectStore, { imageId, image }: DirectContainer): StoredImage {
  const found = findImage(store, imageId);
  if (found !== undefined) return found;
  throw new RuntimeError({
    code: 'image.unknown',
    message: `the image ${image} of the container was removed`,
    value: imageId,
    hint: 'pull it again: the layers of the new image are added to those of the old one',
  });
}

/** Returns the changed files of a container, and its mount points. */
export function upperOf(
  store: DirectStore,
  { id, layers }: Pick<DirectContainer, 'id' | 'layers'>,
): UpperTree {
  const directory = containerPath(store, id);
  return {
    upper: entryPath(directory, containerFiles.upper),
    layers: layers.map(layer => `${layersPath(store)}/${layer}/tree`),
    mountPoints: [...readConfig(store, id).mountPoints, ...ownFiles],
  };
}

function readConfig(
  { binding, directory }: DirectStore,
  id: string,
): { env: readonly string[]; cwd: string; mountPoints: readonly string[] } {
  const path = entryPath(containerPath({ binding, directory }, id), containerFiles.config);
  const config = JSON.parse(binding.readTextIfThere(path) ?? '{}') as {
    readonly process?: { readonly env?: readonly string[]; readonly cwd?: string };
    readonly mounts?: readonly { readonly destination: string }[];
  };
  return {
    env: config.process?.env ?? [],
    cwd: config.process?.cwd ?? '/',
    mountPoints: (config.mounts ?? []).map(({ destination }) => destination).filter(path => path !== '/'),
  };
}

/** Suspends a running container during `work`, because its files must not change between two reads. */
function suspended<T>(
  runtime: Runtime,
  store: DirectStore,
  container: DirectContainer,
  pause: boolean,
  work: () => T,
): T {
  if (stateOf(runtime, store, container).status !== 'running')
    return withContainerLock(store, container.id, work);
  if (!pause) return work();
  pauseContainer(runtime, container.id);
  try {
    return work();
  } finally {
    resumeContainer(runtime, container.id);
  }
}

/** Returns the config of the image with the changes of `container create`. */
function configOf(
  store: DirectStore,
  container: DirectContainer,
  base: StoredImage,
  draft: ImageDraft,
): ConfigMembers {
  const { env, cwd } = readConfig(store, container.id);
  const { hostname, terminal, entrypoint, command, user, labels, exposed } = container;
  const values = environmentOf({ Env: env });
  const own = environmentOf(draft.config);
  // The runtime's own variables are not those of the image.
  if (!own.has('HOSTNAME') && values.get('HOSTNAME') === hostname) values.delete('HOSTNAME');
  if (terminal && !own.has('TERM') && values.get('TERM') === 'xterm') values.delete('TERM');
  const args = command.slice(entrypoint.length);
  const isHome = cwd === '/' && base.config.WorkingDir === '';
  return {
    ...draft.config,
    Env: [...values].map(([name, value]) => `${name}=${value}`),
    Entrypoint: entrypoint.length > 0 ? entrypoint : undefined,
    Cmd: args.length > 0 ? args : undefined,
    User: user === '' ? undefined : user,
    WorkingDir: isHome ? undefined : cwd,
    Labels: Object.keys(labels).length > 0 ? labels : undefined,
    ExposedPorts:
      exposed.length > 0
        ? Object.fromEntries(exposed.map(port => [port.includes('/') ? port : `${port}/tcp`, {}]))
        : undefined,
  };
}

/** Applies the values of `--change`. */
function changedConfig(config: ConfigMembers, changes: readonly string[]): ConfigMembers {
  return changes.reduce((before, change) => {
    const { source, instructions } = parseDockerfile(change, '--change');
    return instructions.reduce((current, instruction) => {
      if (['ADD', 'ARG', 'COPY', 'FROM', 'RUN'].includes(instruction.keyword)) {
        throw syntaxError(
          { source, line: instruction.line, column: instruction.column },
          `${instruction.keyword} is not a valid change command`,
          'it can be CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME or WORKDIR',
        );
      }
      const variables = environmentOf(current);
      return applySetting(current, source, instruction, name => variables.get(name)).config;
    }, before);
  }, config);
}
