// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import type { Binding } from '../host/binding.d.ts';
import { utf8Length } from '../host/utf8.ts';
import type { ImageStore } from './blobs.ts';
import type { HistoryEntry } from './config.ts';
import { mediaTypes } from './manifest.ts';
import { type JsonObject, objectOf, optionalObject } from './members.ts';
import { machinePlatform, type Platform } from './platform.ts';
import { addSyncedImage, readDocument, type StoredImage, type StoredLayer, storeDocument } from './store.ts';

/** The member `config` of an image's config, including members that tsubo does not use. */
export type ConfigMembers = { [name: string]: unknown };

/** An image that is being made. */
export interface ImageDraft {
  readonly platform: Platform;
  readonly author: string;
  readonly config: ConfigMembers;
  readonly layers: readonly StoredLayer[];
  readonly history: readonly HistoryEntry[];
}

/** Returns a draft without layers, for this machine's platform. */
export function emptyDraft(binding: Binding): ImageDraft {
  return {
    platform: machinePlatform(binding.identity().machine),
    author: '',
    config: {},
    layers: [],
    history: [],
  };
}

/** Returns a draft with the layers and settings of an image. */
export function draftOf(store: ImageStore, image: StoredImage): ImageDraft {
  const document: JsonObject = objectOf(readDocument(store, image.id));
  return {
    platform: image.platform,
    author: image.author,
    config: { ...optionalObject(document, 'config') },
    layers: image.layers,
    history: image.history,
  };
}

/**
 * Writes the documents of an image. Equal drafts and times give equal digests.
 *
 * @param created - RFC 3339
 * @param references - complete names; may be empty
 * @returns the id
 */
export function addDraft(
  store: ImageStore,
  draft: ImageDraft,
  created: string,
  references: readonly string[],
): string {
  const { platform, author, layers } = draft;
  const document = {
    created,
    ...(author !== '' && { author }),
    architecture: platform.architecture,
    ...(platform.variant !== undefined && { variant: platform.variant }),
    os: platform.os,
    config: sorted(draft.config),
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: draft.history,
  };
  const text = JSON.stringify(document);
  const id = storeDocument(store, text);
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: id, size: utf8Length(text) },
    layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
  };
  addSyncedImage(store, storeDocument(store, JSON.stringify(manifest)), references);
  return id;
}

/** Removes members without a value and sorts the others, like Go's encoder. */
function sorted(config: ConfigMembers): ConfigMembers {
  const entries = Object.entries(config).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(entries.sort(([one], [other]) => (one < other ? -1 : 1)));
}

/**
 * Returns the time in SOURCE_DATE_EPOCH, in seconds since 1970, which replaces the present time in images; undefined if
 * it is not set.
 *
 * @throws RuntimeError `usage.bad-value`
 */
export function fixedTime(binding: Binding): number | undefined {
  const text = binding.getenv('SOURCE_DATE_EPOCH');
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,11}$/.test(text)) return Number(text);
  throw new RuntimeError({
    code: 'usage.bad-value',
    message: `invalid SOURCE_DATE_EPOCH ${JSON.stringify(text)}`,
    value: text,
    hint: 'it is a number of seconds since 1970: SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)',
  });
}
