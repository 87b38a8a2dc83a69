// SPDX-License-Identifier: Apache-2.0
import { readPlatform } from './manifest.ts';
import {
  asDigest,
  asObject,
  asText,
  InvalidDocument,
  type JsonObject,
  listOf,
  mapOf,
  objectOf,
  optionalObject,
  optionalText,
} from './members.ts';
import type { Platform } from './platform.ts';

/** Settings of an image for its containers. Lists, maps and texts are empty if the image does not contain them. */
export interface ImageConfig {
  /** `NAME=VALUE`. */
  readonly Env: readonly string[];
  readonly Cmd: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly WorkingDir: string;
  readonly User: string;
  /** Keys such as `80/tcp`. */
  readonly ExposedPorts: readonly string[];
  /** Paths in the container. */
  readonly Volumes: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
  readonly Healthcheck?: JsonObject;
  /** Executes commands in shell form. */
  readonly Shell?: readonly string[];
}

export interface HistoryEntry {
  readonly created?: string;
  readonly created_by?: string;
  readonly author?: string;
  readonly comment?: string;
  /** The step made no layer. */
  readonly empty_layer?: boolean;
}

/** The config document of an image; its digest is the image's id. */
export interface ImageDocument {
  /** Empty if the document does not contain it. */
  readonly created: string;
  readonly author: string;
  readonly platform: Platform;
  readonly config: ImageConfig;
  readonly history: readonly HistoryEntry[];
  /** Digests of the uncompressed layers, lowest first. */
  readonly diffIds: readonly string[];
}

/** @throws InvalidDocument */
export function parseImageDocument(text: string): ImageDocument {
  const document = objectOf(text);
  const rootfs = optionalObject(document, 'rootfs');
  if (rootfs === undefined) throw new InvalidDocument('it has no rootfs');
  return {
    created: optionalText(document, 'created') ?? '',
    author: optionalText(document, 'author') ?? '',
    platform: readPlatform(document),
    config: readConfig(optionalObject(document, 'config') ?? {}),
    history: listOf(document, 'history', readHistory),
    diffIds: listOf(rootfs, 'diff_ids', asDigest),
  };
}

/**
 * Returns the settings of a container, from the member `config` of an image.
 *
 * @throws InvalidDocument
 */
export function readConfig(from: JsonObject): ImageConfig {
  const stopSignal = optionalText(from, 'StopSignal');
  const healthcheck = optionalObject(from, 'Healthcheck');
  const shell = listOf(from, 'Shell', asText);
  return {
    Env: listOf(from, 'Env', asText),
    Cmd: listOf(from, 'Cmd', asText),
    Entrypoint: listOf(from, 'Entrypoint', asText),
    WorkingDir: optionalText(from, 'WorkingDir') ?? '',
    User: optionalText(from, 'User') ?? '',
    ExposedPorts: Object.keys(optionalObject(from, 'ExposedPorts') ?? {}),
    Volumes: Object.keys(optionalObject(from, 'Volumes') ?? {}),
    Labels: mapOf(from, 'Labels', asText),
    ...(stopSignal !== undefined && stopSignal !== '' && { StopSignal: stopSignal }),
    ...(healthcheck !== undefined && { Healthcheck: healthcheck }),
    ...(shell.length > 0 && { Shell: shell }),
  };
}

function readHistory(value: unknown, name: string): HistoryEntry {
  const from = asObject(value, name);
  const texts = ['created', 'created_by', 'author', 'comment'].flatMap(member => {
    const text = optionalText(from, member);
    return text === undefined ? [] : [[member, text] as const];
  });
  return { ...Object.fromEntries(texts), ...(from['empty_layer'] === true && { empty_layer: true }) };
}
