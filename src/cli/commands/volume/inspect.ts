// SPDX-License-Identifier: Apache-2.0
import { findVolume, volumeData } from '../../../direct/volumes.ts';
import type { CommandModule } from '../../command.ts';
import { directStore, failureOf } from '../container/common.ts';

/** Docker's members. */
export interface InspectedVolume {
  /** RFC 3339. */
  readonly CreatedAt: string;
  readonly Driver: 'local';
  readonly Labels: Readonly<Record<string, string>>;
  /** The directory on the host. */
  readonly Mountpoint: string;
  readonly Name: string;
  readonly Options: null;
  readonly Scope: 'local';
}

export const inspect: CommandModule = {
  name: 'volume inspect',
  summary: 'print volumes as JSON',
  example: ['tsubo volume inspect data'],
  define(command) {
    command.argument('<volume...>', 'names of volumes');
  },
  run(context, words) {
    const store = directStore(context);
    const found: InspectedVolume[] = [];
    let status = 0;
    for (const word of words) {
      try {
        const { name, created, labels } = findVolume(store, word);
        found.push({
          CreatedAt: created,
          Driver: 'local',
          Labels: labels,
          Mountpoint: volumeData(store, name),
          Name: name,
          Options: null,
          Scope: 'local',
        });
      } catch (error) {
        context.report(failureOf(error));
        status = 1;
      }
    }
    context.print(`${JSON.stringify(found, null, 4)}\n`);
    return status;
  },
};
