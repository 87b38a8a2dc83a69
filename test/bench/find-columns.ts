// SPDX-License-Identifier: Apache-2.0
import {
  type Candidate,
  type Column,
  candidates,
  host,
  type Programs,
  type View,
  versionIn,
} from './columns.ts';
import { engineNetworks } from './engine-networks.ts';
import { parseLap, type Stopwatch } from './lap.ts';
import { deleteOrders, machineOrders, type Place, runOrders } from './orders.ts';

/**
 * Makes the views and tries every candidate on the default bundle. Prints why a candidate is omitted.
 *
 * @param binds - mounts of a view besides its root
 */
export async function findColumns(
  programs: Programs,
  stopwatch: Stopwatch,
  place: Place,
  prefix: string,
  say: (text: string) => void,
  binds: (view: View) => readonly string[],
): Promise<readonly Column[]> {
  const found = candidates(programs);
  const views = new Map([host, ...found.map(candidate => candidate.view)].map(view => [view.name, view]));
  for (const view of views.values()) {
    await stopwatch.round([['view', view.name, view.root, ...binds(view)]]);
  }
  await stopwatch.round(machineOrders());
  const columns: Column[] = [];
  for (const candidate of found) {
    const column = await firstThatRuns(candidate, stopwatch, place, `${prefix}-try-${columns.length}`, say);
    if (column !== undefined && !columns.some(other => other.name === column.name)) columns.push(column);
  }
  return [
    ...columns,
    ...engineNetworks(place.directory, say),
    { name: 'floor', view: host.name, command: [place.floor], kind: 'floor', state: 'floor' },
  ];
}

async function firstThatRuns(
  candidate: Candidate,
  stopwatch: Stopwatch,
  place: Place,
  id: string,
  say: (text: string) => void,
): Promise<Column | undefined> {
  let name = candidate.name;
  let why = '';
  for (const { command, note } of candidate.ways) {
    if (candidate.versioned) {
      const [printed = []] = await stopwatch.round([
        ['time', 'version', candidate.view.name, ...command, '--version'],
      ]);
      name = `${candidate.name}-${versionIn(parseLap(printed).error) ?? 'unknown'}`;
    }
    const column: Column = {
      name,
      view: candidate.view.name,
      command,
      kind: 'runtime',
      state: candidate.state ?? name,
      ...(note !== undefined && { note }),
    };
    const [answer = []] = await stopwatch.round(runOrders('time', column, place, id));
    const { status, error } = parseLap(answer);
    if (status === 0) return column;
    why = error;
    await stopwatch.round(deleteOrders(column, place, id));
  }
  say(`${name} is left out, it cannot run the default bundle: ${why}`);
  return undefined;
}
