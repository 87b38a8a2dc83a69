// SPDX-License-Identifier: Apache-2.0
import type { ImageStep, InspectedImage, ListedImage } from '../../image/documents.ts';
import { type CommandOptions, linesOf, optionWords, readCommand, runCommand } from './command.ts';
import type { PruneImagesOptions } from './image-options.ts';
import { splitOptions } from './option-names.ts';

/** The state of a pull or push, or of one of its layers. */
export interface TransferProgress {
  /** The first digits of the digest of a layer. Absent for a message about the whole image. */
  readonly layer?: string;
  /** Such as `Pull complete`. */
  readonly state: string;
}

/** Options of {@link pull}. */
export interface PullOptions extends CommandOptions {
  /** The platform of the image, such as `linux/arm64`. Default: that of this machine. */
  readonly platform?: string;
  /** Called for each change. */
  readonly onProgress?: (progress: TransferProgress) => void;
}

/** Options of {@link push}. */
export interface PushOptions extends CommandOptions {
  /** Called for each change. */
  readonly onProgress?: (progress: TransferProgress) => void;
}

/** Options of {@link remove}. */
export interface RemoveImageOptions extends CommandOptions {
  /** Removes all names of an id, also of an image that a container uses. Default false. */
  readonly force?: boolean;
}

/** The names and images that a call has removed. */
export interface RemovedImages {
  readonly untagged: readonly string[];
  /** Ids. */
  readonly deleted: readonly string[];
}

/**
 * Downloads an image from its registry.
 *
 * @param reference - `NAME`, `NAME:TAG` or `NAME@DIGEST`, with the registry in front unless it is docker.io
 * @returns the image
 * @throws RuntimeError `image.reference`, `registry.*`; the reason of `signal`
 */
export async function pull(reference: string, options: PullOptions = {}): Promise<InspectedImage> {
  const { common, own, rest } = splitOptions('images.pull', options, ['onProgress']);
  await runCommand(common, ['image', 'pull', ...optionWords(rest), '--', reference], {
    onLine: progressTo(own.onProgress),
  });
  return inspect(reference, common);
}

/**
 * Uploads an image to the registry in its name.
 *
 * @throws RuntimeError `image.unknown`, `image.reference`, `registry.*`; the reason of `signal`
 */
export async function push(reference: string, options: PushOptions = {}): Promise<void> {
  const { common, own } = splitOptions('images.push', options, ['onProgress']);
  await runCommand(common, ['image', 'push', '--', reference], { onLine: progressTo(own.onProgress) });
}

function progressTo(onProgress: PullOptions['onProgress']): (line: string) => void {
  return line => {
    const [, layer, state] = /^([0-9a-f]{12}): (.*)$/.exec(line) ?? [];
    onProgress?.(layer === undefined || state === undefined ? { state: line } : { layer, state });
  };
}

/**
 * The images of this machine, the newest first: one entry for each name.
 *
 * @param filter - lists only images with this name or this repository. Default: all
 */
export async function list(filter?: string, options: CommandOptions = {}): Promise<readonly ListedImage[]> {
  const { common } = splitOptions('images.list', options, []);
  const words = filter === undefined ? [] : ['--', filter];
  return readCommand(common, ['image', 'ls', '--format=json', ...words]);
}

/**
 * Everything about an image.
 *
 * @param image - a name, an id or a prefix of an id
 * @throws RuntimeError `image.unknown`
 */
export async function inspect(image: string, options: CommandOptions = {}): Promise<InspectedImage> {
  const { common } = splitOptions('images.inspect', options, []);
  const [found] = await readCommand<[InspectedImage]>(common, ['image', 'inspect', '--', image]);
  return found;
}

/**
 * The steps by which an image was made, the newest first.
 *
 * @throws RuntimeError `image.unknown`
 */
export async function history(image: string, options: CommandOptions = {}): Promise<readonly ImageStep[]> {
  const { common } = splitOptions('images.history', options, []);
  return readCommand(common, ['image', 'history', '--format=json', '--', image]);
}

/**
 * Gives an image another name; an image that had it keeps its other names.
 *
 * @throws RuntimeError `image.unknown`, `image.reference`
 */
export async function tag(image: string, name: string, options: CommandOptions = {}): Promise<void> {
  const { common } = splitOptions('images.tag', options, []);
  await runCommand(common, ['image', 'tag', '--', image, name]);
}

/**
 * Removes a name of an image, and the image with its last name.
 *
 * @throws RuntimeError `image.unknown`, `image.in-use`
 */
export async function remove(image: string, options: RemoveImageOptions = {}): Promise<RemovedImages> {
  const { common, rest } = splitOptions('images.remove', options, []);
  return removedIn(await runCommand(common, ['image', 'rm', ...optionWords(rest), '--', image]));
}

/** Removes images without a name that no container uses, and parts of interrupted downloads. */
export async function prune(options: PruneImagesOptions = {}): Promise<RemovedImages> {
  const { common, rest } = splitOptions('images.prune', options, []);
  return removedIn(await runCommand(common, ['image', 'prune', ...optionWords(rest)]));
}

export function removedIn(text: string): RemovedImages {
  const after = (prefix: string) =>
    linesOf(text)
      .filter(line => line.startsWith(prefix))
      .map(line => line.slice(prefix.length));
  return { untagged: after('Untagged: '), deleted: after('Deleted: ') };
}

/**
 * Adds the images of an archive: one of {@link save} or `docker save`, or an OCI layout in a tar file.
 *
 * @param file - its path, relative to the working directory
 * @returns the ids of the images
 * @throws RuntimeError `image.*`, `host.syscall`
 */
export async function load(file: string, options: CommandOptions = {}): Promise<readonly string[]> {
  const { common } = splitOptions('images.load', options, []);
  return linesOf(await runCommand(common, ['image', 'load', '--quiet', `--input=${file}`]));
}

/**
 * Writes images to an archive.
 *
 * @param images - names, ids or prefixes of ids
 * @param file - its path, relative to the working directory
 * @throws RuntimeError `image.unknown`, `host.syscall`
 */
export async function save(
  images: readonly string[],
  file: string,
  options: CommandOptions = {},
): Promise<void> {
  const { common } = splitOptions('images.save', options, []);
  await runCommand(common, ['image', 'save', `--output=${file}`, '--', ...images]);
}
