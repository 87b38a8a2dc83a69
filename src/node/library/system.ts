// SPDX-License-Identifier: Apache-2.0
import type { DiskUsage } from '../../build/disk-usage.ts';
import type { SystemInfo } from '../../direct/system-info.ts';
import { type CommandOptions, readCommand } from './command.ts';
import { splitOptions } from './option-names.ts';

/** The numbers of containers and images, the directories and the machine. */
export async function info(options: CommandOptions = {}): Promise<SystemInfo> {
  const { common } = splitOptions('system.info', options, []);
  return readCommand(common, ['system', 'info', '--format=json']);
}

/** The space that images, containers, volumes and the cache of builds occupy. */
export async function diskUsage(options: CommandOptions = {}): Promise<DiskUsage> {
  const { common } = splitOptions('system.diskUsage', options, []);
  return readCommand(common, ['system', 'df', '--format=json']);
}
