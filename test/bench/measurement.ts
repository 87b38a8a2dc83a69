// SPDX-License-Identifier: Apache-2.0
import { type CaseName, life } from './cases.ts';
import type { Column } from './columns.ts';
import { type Order, parseLap, type Stopwatch } from './lap.ts';
import {
  deleteOrders,
  type How,
  label,
  lifeOrders,
  listOrders,
  type Place,
  runOrders,
  stoppedOrders,
} from './orders.ts';
import { type Samples, seriesOf } from './samples.ts';
import { rotated } from './statistics.ts';

const warmUps = 2;
/** How long a round waits for an idle machine, in milliseconds. */
const patience = 2000;
const quietLabel = 'quiet';

/** Carries out the rounds and keeps what they bring in `samples`. */
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

  /** `run`, and the steps of a life, of every column in every round; then once more to count the system calls. */
  async rounds(only: ReadonlySet<CaseName>, rounds: number): Promise<void> {
    const wanted = (name: CaseName): boolean => only.has(name);
    if (!wanted('run') && !life.some(wanted)) return;
    const ids = new Map<Column, string>();
    const orders = (how: How, round: number): readonly Order[] => {
      const turn = rotated(this.columns, round);
      const runs = wanted('run') ? turn : [];
      const lives = life.some(wanted) ? turn.filter(column => column.kind === 'runtime') : [];
      for (const column of turn) ids.set(column, this.id());
      const id = (column: Column): string => ids.get(column) ?? '';
      return [
        ...runs.flatMap(column => runOrders(how, column, this.place, id(column))),
        ...lives.flatMap(column => lifeOrders(how, column, this.place, id(column))),
      ];
    };
    const asked = (name: CaseName): boolean => wanted(name);
    for (let round = -warmUps; round < rounds; round++) {
      if (round % 10 === 0) this.say(`round ${round + 1} of ${rounds}`);
      const good = await this.round(orders('time', round + warmUps), asked, round >= 0);
      if (!good) await this.removeAll(ids);
    }
    if (!(await this.round(orders('count', 0), asked, true))) await this.removeAll(ids);
  }

  /** `list` of so many stopped containers, for tsubo and for the first crun and runc. */
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
    const always = (): boolean => true;
    for (let round = -warmUps; round < rounds; round++) {
      if (round % 10 === 0) this.say(`list: round ${round + 1} of ${rounds}`);
      const now = rotated(turn, round + warmUps).flatMap(column => listOrders('time', column, this.place));
      await this.round(now, always, round >= 0);
    }
    await this.round(
      turn.flatMap(column => listOrders('count', column, this.place)),
      always,
      true,
    );
    // They stay: their state goes with the stopwatch's tmpfs, and the stopwatch removes their cgroups at its end.
  }

  private id(): string {
    this.named += 1;
    return `${this.prefix}-${this.named}`;
  }

  /** Orders for every id, a hundred at a time: a pipe does not hold them all. A refusal ends the benchmark. */
  private async each(ids: readonly string[], orders: (id: string) => readonly Order[]): Promise<void> {
    for (let i = 0; i < ids.length; i += 100) {
      for (const answer of await this.stopwatch.round(ids.slice(i, i + 100).flatMap(orders))) {
        const { label: who, status, said } = parseLap(answer);
        if (status !== 0) throw new Error(`${who} ${status}: ${said}`);
      }
    }
  }

  private async removeAll(ids: ReadonlyMap<Column, string>): Promise<void> {
    const left = [...ids].filter(([column]) => column.kind === 'runtime');
    await this.stopwatch.round(left.flatMap(([column, id]) => deleteOrders(column, this.place, id)));
  }

  /** @returns false when a command failed */
  private async round(
    orders: readonly Order[],
    wanted: (name: CaseName) => boolean,
    keep: boolean,
  ): Promise<boolean> {
    const hows = new Map(orders.flatMap(([how = '', who = '']) => (who === '' ? [] : [[who, how]])));
    const answers = await this.stopwatch.round([['quiet', quietLabel, String(patience)], ...orders]);
    let good = true;
    for (const answer of answers) {
      const [who = ''] = answer;
      if (who === quietLabel) {
        if (keep && answer[1] === '1') this.samples.gaveUp += 1;
        continue;
      }
      const how = hows.get(who);
      const lap = parseLap(answer);
      if (how !== 'memory' && lap.status !== 0) good = false;
      const column = this.columns.find(one => who.startsWith(label(one, '')));
      const name = who.slice(who.lastIndexOf(' ') + 1) as CaseName;
      if (column === undefined || !keep || !wanted(name)) continue;
      const series = seriesOf(this.samples, column.name, name);
      if (how === 'memory') {
        series.privateKiB.push(Number(answer[1]));
        series.proportionalKiB.push(Number(answer[2]));
      } else if (lap.status !== 0) {
        series.failed += 1;
        series.said = lap.said;
      } else if (how === 'count') {
        series.syscalls = { own: Number(answer[1]), others: Number(answer[2]) };
      } else {
        series.wallUs.push(lap.wallUs);
        series.cpuUs.push(lap.cpuUs);
        series.peakKiB.push(lap.peakKiB);
      }
    }
    return good;
  }
}
