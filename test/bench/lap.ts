// SPDX-License-Identifier: Apache-2.0
// The orders of lap.c and their answers.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** One line for lap, see the top of lap.c. */
export type Order = readonly string[];

/** What a timed command took. */
export interface Lap {
  readonly label: string;
  readonly wallUs: number;
  /** Processor time of the command and of what it waited for, user and system. */
  readonly cpuUs: number;
  /** Of the command or of one process it waited for. */
  readonly peakKiB: number;
  readonly status: number;
  /** The end of what it printed. */
  readonly said: string;
}

export function parseLap(fields: readonly string[]): Lap {
  const [label = '', wall, user, system, peak, status, said = ''] = fields;
  return {
    label,
    wallUs: Number(wall),
    cpuUs: Number(user) + Number(system),
    peakKiB: Number(peak),
    status: Number(status),
    said: said.trim(),
  };
}

/** The stopwatch, running. */
export class Stopwatch {
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly answers: string[] = [];
  private waiting: { resolve(): void; reject(error: Error): void } | undefined;
  private ended: Error | undefined;
  private complaints = '';

  constructor(program: string, directory: string, prefix: string) {
    this.child = spawn(program, [directory, prefix]);
    this.child.stderr.on('data', data => {
      this.complaints += data;
    });
    this.child.stdin.on('error', () => {}); // its end is reported below
    createInterface({ input: this.child.stdout }).on('line', line => {
      if (line === '.') this.settle();
      else this.answers.push(line);
    });
    this.child.on('close', code => {
      this.ended = new Error(`the stopwatch ended with status ${code}: ${this.complaints.trim()}`);
      this.settle();
    });
  }

  /** Has a whole round carried out. Nothing of ours runs until its last answer. */
  async round(orders: readonly Order[]): Promise<readonly (readonly string[])[]> {
    if (this.ended !== undefined) throw this.ended;
    await new Promise<void>((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.child.stdin.write(`${[...orders, ['.']].map(fields => fields.join('\t')).join('\n')}\n`);
    });
    return this.answers.splice(0).map(line => line.split('\t'));
  }

  /** Ends what is left of the containers. */
  async close(): Promise<void> {
    if (this.ended !== undefined) return;
    const closed = new Promise<void>(resolve => this.child.on('close', () => resolve()));
    this.child.stdin.end();
    await closed;
  }

  private settle(): void {
    const waiting = this.waiting;
    this.waiting = undefined;
    if (this.ended === undefined) waiting?.resolve();
    else waiting?.reject(this.ended);
  }
}
