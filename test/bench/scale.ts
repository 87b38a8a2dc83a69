// SPDX-License-Identifier: Apache-2.0
// The scale: commands beside many running containers, and the memory that the machine needs for each of these.
import { readFileSync } from 'node:fs';
import type { Column } from './columns.ts';
import { type Order, parseLap, type Stopwatch } from './lap.ts';
import { command, lifeOrders, listOrders, nextPort, type Place } from './orders.ts';
import { rotated } from './statistics.ts';

export const scaleCases = ['create', 'exec', 'state', 'list'] as const;
export type ScaleCase = (typeof scaleCases)[number];

/** One runtime beside this many running containers of each measured runtime. */
export interface ScalePoint {
  readonly column: string;
  readonly running: number;
  /** The containers have a network and a published port each. */
  readonly network: boolean;
  /** Milliseconds, one for each round. */
  readonly ms: Readonly<Record<ScaleCase, number[]>>;
  /** By how much the available memory of the machine shrank for each container of the last step, in KiB. */
  readonly machineKiB?: number;
}

/** Containers of one network: fewer than the addresses of its subnet. */
const mostInNetwork = 1000;
/** Fewer new containers say nothing about memory. */
const fewestForMemory = 50;
const batch = 50;

export interface ScaleRequest {
  readonly stopwatch: Stopwatch;
  /** Views exist. With `network`, only tsubo. */
  readonly columns: readonly Column[];
  readonly place: Place;
  readonly prefix: string;
  /** Ascending. */
  readonly steps: readonly number[];
  readonly rounds: number;
  readonly network: boolean;
  readonly say: (text: string) => void;
}

/**
 * At each step, brings every runtime to that many running containers of its own, then measures all of them in turn. A
 * runtime that cannot make so many is left out from that step on.
 */
export async function measureScale(request: ScaleRequest): Promise<ScalePoint[]> {
  const { stopwatch, steps, rounds, network, say } = request;
  const points: ScalePoint[] = [];
  let columns = request.columns;
  let running = 0;
  for (const step of steps) {
    const here: ScalePoint[] = [];
    for (const column of columns) {
      const kind = network ? 'running containers with a network and a port' : 'running containers';
      say(`scale: ${step} ${kind} of ${column.name}`);
      const before = availableKiB();
      const failure = await fill(request, column, running, step);
      if (failure !== undefined) {
        say(`scale: ${column.name} is left out from ${step} containers on: ${failure}`);
        continue;
      }
      const added = step - running;
      const used = before - availableKiB();
      here.push({
        column: column.name,
        running: step,
        network,
        ms: { create: [], exec: [], state: [], list: [] },
        ...(added >= fewestForMemory && { machineKiB: Math.max(0, Math.round(used / added)) }),
      });
    }
    columns = columns.filter(({ name }) => here.some(({ column }) => column === name));
    running = step;
    for (let round = -1; round < rounds; round++) {
      const orders = rotated(columns, round + 1).flatMap(column => roundOrders(request, column, step, round));
      const answers = await stopwatch.round([['quiet', 'quiet', '2000'], ...orders]);
      if (round >= 0) keep(here, answers);
    }
    points.push(...here);
  }
  return points;
}

/** Makes and starts the containers from `from` to `to`. @returns the output of the first command that failed */
async function fill(
  request: ScaleRequest,
  column: Column,
  from: number,
  to: number,
): Promise<string | undefined> {
  for (let first = from; first < to; first += batch) {
    const orders: Order[] = [];
    for (let i = first; i < Math.min(first + batch, to); i++)
      orders.push(...runningOrders(request, column, i));
    for (const answer of await request.stopwatch.round(orders)) {
      const { status, error } = parseLap(answer);
      if (status !== 0) return error;
    }
  }
  return undefined;
}

function runningOrders({ place, prefix, network }: ScaleRequest, column: Column, i: number): Order[] {
  const id = `${prefix}-${column.state}-${i}`;
  const one = (...args: string[]): Order => ['time', '-', column.view, ...command(column, place, ...args)];
  const attach = network ? ['--network', networkOf(i), '--publish', `${nextPort(1)}:80`] : [];
  const makesNetwork = network && i % mostInNetwork === 0;
  return [
    ...(makesNetwork ? [one('network', 'create', '--no-ipv6', networkOf(i))] : []),
    one('create', ...attach, '--bundle', place.stays, id),
    one('start', id),
  ];
}

function networkOf(i: number): string {
  return `scale${Math.floor(i / mostInNetwork)}`;
}

/** The life of one more container, and `list`. */
function roundOrders(
  { place, prefix, network }: ScaleRequest,
  column: Column,
  step: number,
  round: number,
): Order[] {
  const id = `${prefix}-${column.state}-at${step}-${round + 1}`;
  // All networks have room for the one more container.
  const attach = network ? ['--network', networkOf(0), '--publish', `${nextPort(1)}:80`] : [];
  return [...lifeOrders('time', column, place, id, attach), ...listOrders('time', column, place)];
}

function keep(points: readonly ScalePoint[], answers: readonly (readonly string[])[]): void {
  for (const answer of answers) {
    const { label, wallUs, status, error } = parseLap(answer);
    const at = label.lastIndexOf(' ');
    const point = points.find(({ column }) => column === label.slice(0, at));
    const name = scaleCases.find(one => one === label.slice(at + 1));
    if (point === undefined || name === undefined) continue;
    if (status !== 0) throw new Error(`${label} beside ${point.running} containers: ${error}`);
    point.ms[name].push(wallUs / 1000);
  }
}

function availableKiB(): number {
  return Number(/^MemAvailable:\s*(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]);
}
