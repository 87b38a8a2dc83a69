// SPDX-License-Identifier: Apache-2.0
import type { InspectedVolume } from '../../direct/volumes.ts';
import { type CommandOptions, linesOf, optionWords, readCommand, runCommand } from './command.ts';
import { splitOptions } from './option-names.ts';

/** Options of {@link create}. */
export interface CreateVolumeOptions extends CommandOptions {
  /** Letters, digits and `_ . -`. Default: a random name, and the volume is removed with its container. */
  readonly name?: string;
  /** Labels by name. */
  readonly label?: Readonly<Record<string, string>>;
}

/** Options of {@link list}. */
export interface ListVolumesOptions extends CommandOptions {
  /** Lists only volumes that no container has. Default false. */
  readonly dangling?: boolean;
}

/** Options of {@link remove}. */
export interface RemoveVolumeOptions extends CommandOptions {
  /** Ignores a volume that does not exist. Default false. */
  readonly force?: boolean;
}

/** Options of {@link prune}. */
export interface PruneVolumesOptions extends CommandOptions {
  /** Removes named volumes, too. Default false. */
  readonly all?: boolean;
}

/**
 * Makes a volume; one that exists stays as it is.
 *
 * @throws RuntimeError `direct.bad-name`
 */
export async function create(options: CreateVolumeOptions = {}): Promise<InspectedVolume> {
  const { common, own, rest } = splitOptions('volumes.create', options, ['name']);
  const words = own.name === undefined ? [] : ['--', own.name];
  const [name = ''] = linesOf(await runCommand(common, ['volume', 'create', ...optionWords(rest), ...words]));
  return inspect(name, common);
}

/** @throws RuntimeError `direct.no-volume` */
export async function inspect(name: string, options: CommandOptions = {}): Promise<InspectedVolume> {
  const { common } = splitOptions('volumes.inspect', options, []);
  const [found] = await readCommand<[InspectedVolume]>(common, ['volume', 'inspect', '--', name]);
  return found;
}

/** The names of the volumes, sorted. */
export async function list(options: ListVolumesOptions = {}): Promise<readonly string[]> {
  const { common, rest } = splitOptions('volumes.list', options, []);
  return linesOf(await runCommand(common, ['volume', 'ls', '--quiet', ...optionWords(rest)]));
}

/**
 * Removes a volume with its files.
 *
 * @throws RuntimeError `direct.no-volume`, `direct.volume-in-use`
 */
export async function remove(name: string, options: RemoveVolumeOptions = {}): Promise<void> {
  const { common, rest } = splitOptions('volumes.remove', options, []);
  await runCommand(common, ['volume', 'rm', ...optionWords(rest), '--', name]);
}

/** Removes anonymous volumes that no container has, and returns their names. */
export async function prune(options: PruneVolumesOptions = {}): Promise<readonly string[]> {
  const { common, rest } = splitOptions('volumes.prune', options, []);
  return linesOf(await runCommand(common, ['volume', 'prune', ...optionWords(rest)]));
}
