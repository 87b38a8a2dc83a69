// SPDX-License-Identifier: Apache-2.0
import { type CaseName, life, networkCases, runs } from './cases.ts';
import type { Column } from './columns.ts';
import { type Order, parseLap, type Stopwatch } from './lap.ts';
import {
  crowdOrders,
  deleteOrders,
  engineNetworkOrders,
  type How,
  label,
  lifeOrders,
  listOrders,
  networkDeleteOrders,
  networkOrders,
  networkRun,
  type Place,
  runOrders,
  stoppedOrders,
} from './orders.ts';
import { type Samples, seriesOf } from './samples.ts';
import { rotated } from './statistics.ts';

const warmUps = 2;
/** Maximum time in milliseconds that a round waits for an idle machine. */
const mostWaitMs = 2000;
/**
 * A round in which other programs used more than this share of the processors, in per cent, is repeated. On an idle
 * machine it is 0 to 3: kernel threads that work for the containers.
 */
const disturbed = 15;
/** Maximum number of rounds, per requested round. After that disturbed rounds count too. */
const attempts = 2;
const quietLabel = 'quiet';
const foreignLabel = 'foreign';

/** Executes the rounds and stores their results in `samples`. */
export class Measurement {
  private readonly stopwatch: Stopwatch;
  private readonly columns: readonly Column[];
  private readonly place: Place;
  private readonly prefix: string;
  private readonly samples: Samples;
  private readonly say: (text: string) => void;
  private named = 0;

  constructor(
    stopwatch: Stopwatch,
    columns: readonly Column[],
    place: Place,
    prefix: string,
    samples: Samples,
    say: (text: string) => void,
  ) {
    this.stopwatch = stopwatch;
    this.columns = columns;
    this.place = place;
    this.prefix = prefix;
    this.samples = samples;
    this.say = say;
  }

  /** The runs, and the steps of a life, of every column in every round; then one round that counts the system calls. */
  async rounds(only: ReadonlySet<CaseName>, rounds: number): Promise<void> {
    const wanted = (name: CaseName): boolean => only.has(name);
    if (![...runs, ...life, ...networkCases, 'delete-network' as const].some(wanted)) return;
    // The floor's container is in the network of tsubo.
    const [maker] = this.columns;
    if (maker !== undefined) await this.stopwatch.round(networkOrders(maker, this.place));
    const ids = new Map<Column, string>();
    const orders = (how: How, round: number): readonly Order[] => {
      const turn = rotated(this.columns, round);
      const lives = life.some(wanted) ? turn.filter(column => column.kind === 'runtime') : [];
      for (const column of turn) ids.set(column, this.id());
      const id = (column: Column): string => ids.get(column) ?? '';
      return [
        ...runs.flatMap(name =>
          wanted(name) ? turn.flatMap(column => runOrders(how, column, this.place, id(column), name)) : [],
        ),
        ...lives.flatMap(column => lifeOrders(how, column, this.place, id(column))),
        ...turn.flatMap(column =>
          wanted('delete-network') && column.kind === 'runtime'
            ? networkDeleteOrders(how, column, this.place, id(column))
            : [],
        ),
        ...turn.flatMap(column =>
          networkCases.some(wanted) && column.kind === 'network'
            ? engineNetworkOrders(how, column, id(column))
            : [],
        ),
      ];
    };
    const good = await this.measure(rounds, '', wanted, orders, async () => {
      await this.removeAll(ids);
    });
    if (!good) await this.removeAll(ids);
  }

  /** `run-network` beside this many containers on the bridge. */
  async crowded(others: number, rounds: number): Promise<void> {
    const [maker] = this.columns;
    if (maker === undefined || !maker.name.startsWith('tsubo')) return;
    this.say(`making ${others} containers in the network`);
    await this.each(
      Array.from({ length: others }, () => this.id()),
      id => crowdOrders(maker, this.place, id),
    );
    await this.measure(
      rounds,
      'run-crowded: ',
      name => name === 'run-crowded',
      (how, round) =>
        rotated(this.columns, round).flatMap(column =>
          column.kind === 'network' ? [] : networkRun(how, column, this.place, this.id(), 'run-crowded'),
        ),
      async () => {},
    );
    // They remain until the stopwatch ends them.
  }

  /** `list` of this many stopped containers, for tsubo and for the first crun and runc. */
  async list(entries: number, rounds: number): Promise<void> {
    const groups = new Map<string, Column>();
    for (const column of this.columns) {
      const family = column.name.split('-')[0] ?? '';
      const later = [...groups.values()].some(other => other.name.split('-')[0] === family);
      if (column.kind === 'runtime' && !later) groups.set(column.state, column);
    }
    const ids = Array.from({ length: entries }, () => this.id());
    for (const column of groups.values()) {
      this.say(`making ${entries} stopped containers of ${column.name}`);
      await this.each(ids, id => stoppedOrders(column, this.place, id));
    }
    const turn = this.columns.filter(column => groups.has(column.state));
    await this.measure(
      rounds,
      'list: ',
      () => true,
      (how, round) => rotated(turn, round).flatMap(column => listOrders(how, column, this.place)),
      async () => {},
    );
    // They remain: their state is on the tmpfs of the stopwatch, which removes their cgroups at its end.
  }

  private id(): string {
    this.named += 1;
    return `${this.prefix}-${this.named}`;
  }

  /**
   * Sends orders for every id, a hundred at a time, because a pipe cannot hold them all. A failure ends the benchmark.
   */
  private async each(ids: readonly string[], orders: (id: string) => readonly Order[]): Promise<void> {
    for (let i = 0; i < ids.length; i += 100) {
      for (const answer of await this.stopwatch.round(ids.slice(i, i + 100).flatMap(orders))) {
        const { label: orderLabel, status, error } = parseLap(answer);
        if (status !== 0) throw new Error(`${orderLabel} ${status}: ${error}`);
      }
    }
  }

  private async removeAll(ids: ReadonlyMap<Column, string>): Promise<void> {
    const left = [...ids].filter(([column]) => column.kind === 'runtime');
    await this.stopwatch.round(left.flatMap(([column, id]) => deleteOrders(column, this.place, id)));
  }

  /**
   * Warms up, measures this many undisturbed rounds, and counts system calls once.
   *
   * @param afterFailure - called when a command of a round failed
   * @returns false if a command failed while system calls were counted
   */
  private async measure(
    rounds: number,
    title: string,
    wanted: (name: CaseName) => boolean,
    orders: (how: How, round: number) => readonly Order[],
    afterFailure: () => Promise<void>,
  ): Promise<boolean> {
    let kept = 0;
    let reported = -1;
    let repeats = rounds * (attempts - 1);
    for (let round = -warmUps; kept < rounds; round++) {
      if (round >= 0 && kept % 10 === 0 && reported !== kept) {
        this.say(`${title}round ${kept + 1} of ${rounds}`);
        reported = kept;
      }
      const outcome = await this.round(orders('time', round + warmUps));
      if (!outcome.good) await afterFailure();
      if (round < 0) continue;
      if (outcome.foreign > disturbed && repeats > 0) {
        repeats -= 1;
        this.samples.repeated += 1;
        continue;
      }
      if (outcome.foreign > disturbed) this.samples.disturbed += 1;
      if (outcome.busy) this.samples.gaveUp += 1;
      this.samples.foreign.push(outcome.foreign);
      this.keep(outcome.answers, wanted);
      kept += 1;
    }
    const counted = await this.round(orders('count', 0));
    this.keep(counted.answers, wanted);
    return counted.good;
  }

  private async round(orders: readonly Order[]): Promise<Outcome> {
    const verbs = new Map(
      orders.flatMap(([how = '', orderLabel = '']) => (orderLabel === '' ? [] : [[orderLabel, how]])),
    );
    const all = [['quiet', quietLabel, String(mostWaitMs)], ...orders, ['foreign', foreignLabel]];
    let busy = false;
    let foreign = 0;
    const answers: Answer[] = [];
    for (const fields of await this.stopwatch.round(all)) {
      const [orderLabel = '', first] = fields;
      if (orderLabel === quietLabel) busy = first === '1';
      else if (orderLabel === foreignLabel) foreign = Number(first);
      else answers.push({ how: verbs.get(orderLabel) ?? '', fields });
    }
    const good = answers.every(({ how, fields }) => how === 'memory' || parseLap(fields).status === 0);
    return { good, busy, foreign, answers };
  }

  private keep(answers: readonly Answer[], wanted: (name: CaseName) => boolean): void {
    for (const { how, fields } of answers) {
      const lap = parseLap(fields);
      const column = this.columns.find(one => lap.label.startsWith(label(one, '')));
      const name = lap.label.slice(lap.label.lastIndexOf(' ') + 1) as CaseName;
      if (column === undefined || !wanted(name)) continue;
      const series = seriesOf(this.samples, column.name, name);
      if (how === 'memory') {
        series.privateKiB.push(Number(fields[1]));
        series.proportionalKiB.push(Number(fields[2]));
      } else if (lap.status !== 0) {
        series.failed += 1;
        series.error = lap.error;
      } else if (how === 'count') {
        series.syscalls = { own: Number(fields[1]), others: Number(fields[2]) };
      } else {
        series.wallUs.push(lap.wallUs);
        series.cpuUs.push(lap.cpuUs);
        series.peakKiB.push(lap.peakKiB);
      }
    }
  }
}

interface Answer {
  /** The verb of the order. */
  readonly how: string;
  readonly fields: readonly string[];
}

interface Outcome {
  /** No command failed. */
  readonly good: boolean;
  /** The machine was busy at its start. */
  readonly busy: boolean;
  /** Per cent of the processors that other programs used during it. */
  readonly foreign: number;
  readonly answers: readonly Answer[];
}
