// SPDX-License-Identifier: Apache-2.0
// A round, as orders for the stopwatch.
import type { CaseName, runs } from './cases.ts';
import type { Column } from './columns.ts';
import type { Order } from './lap.ts';

/** Where the containers of a benchmark live. */
export interface Place {
  /** The directory on the stopwatch's tmpfs: state of every runtime, pid files. */
  readonly directory: string;
  /** The bundle that ends at once, and the one that stays. */
  readonly ends: string;
  readonly stays: string;
  /** As the first, with a seccomp profile. */
  readonly filtered: string;
  /** The filter that tsubo makes of that profile, for the floor. */
  readonly filter: string;
  /** build/bench/floor. */
  readonly floor: string;
}

/** `time` measures, `count` counts system calls. */
export type How = 'time' | 'count';

/** A label that tells where an answer belongs. */
export function label(column: Column, name: string): string {
  return `${column.name} ${name}`;
}

export function command(column: Column, place: Place, ...args: readonly string[]): readonly string[] {
  return [...column.command, '--root', `${place.directory}/state.${column.state}`, ...args];
}

function order(how: How, column: Column, name: CaseName | '-', argv: readonly string[]): Order {
  return [how, label(column, name), column.view, ...argv];
}

export function runOrders(
  how: How,
  column: Column,
  place: Place,
  id: string,
  name: (typeof runs)[number] = 'run',
): readonly Order[] {
  if (column.kind === 'floor') {
    const argv = [place.floor, `${place.ends}/rootfs`, `/sys/fs/cgroup/${id}`, '/bin/true'];
    // It has no cache that could be cold.
    if (name === 'run-seccomp-cold') return [];
    return [order(how, column, name, name === 'run' ? argv : [...argv, place.filter])];
  }
  const root = name === 'run-seccomp-cold' ? `cold.${id}` : `state.${column.state}`;
  const bundle = name === 'run' ? place.ends : place.filtered;
  const argv = [...column.command, '--root', `${place.directory}/${root}`, 'run', '--bundle', bundle, id];
  return [order(how, column, name, argv)];
}

/**
 * One container's life. `delete` finds what an engine's shim leaves it: a dead init that has been reaped. slay and not
 * reap, so that a `kill` that failed holds nobody up.
 */
export function lifeOrders(how: How, column: Column, place: Place, id: string): readonly Order[] {
  const oci = (name: CaseName, ...args: string[]): Order =>
    order(how, column, name, command(column, place, ...args));
  return [
    ...makeOrders(how, column, place, id, 'create'),
    ['memory', label(column, 'init')],
    oci('state', 'state', id),
    oci('start', 'start', id),
    oci('exec', 'exec', id, '/bin/true'),
    oci('kill', 'kill', id, 'KILL'),
    ['slay'],
    oci('delete', 'delete', id),
  ];
}

function makeOrders(
  how: How,
  column: Column,
  place: Place,
  id: string,
  name: CaseName | '-',
): readonly Order[] {
  const file = `${place.directory}/pid`;
  const argv = command(column, place, 'create', '--bundle', place.stays, '--pid-file', file, id);
  return [order(how, column, name, argv), ['pid', file]];
}

/** A container that is stopped and not deleted, for `list` to find. */
export function stoppedOrders(column: Column, place: Place, id: string): readonly Order[] {
  return [...makeOrders('time', column, place, id, '-'), ['slay']];
}

export function deleteOrders(column: Column, place: Place, id: string): readonly Order[] {
  return [order('time', column, '-', command(column, place, 'delete', '--force', id))];
}

export function listOrders(how: How, column: Column, place: Place): readonly Order[] {
  return [order(how, column, 'list', command(column, place, 'list'))];
}
