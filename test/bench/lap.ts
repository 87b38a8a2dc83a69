// SPDX-License-Identifier: Apache-2.0
// The orders of lap.c and their answers.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** An order of lap, in the form that lap.c documents. */
export type Order = readonly string[];

/** Result of a timed command. */
export interface Lap {
  readonly label: string;
  readonly wallUs: number;
  /** User and system time of the command and of the processes it waited for. */
  readonly cpuUs: number;
  /** Maximum of the command and of each process it waited for. */
  readonly peakKiB: number;
  readonly status: number;
  /** The end of its output. */
  readonly error: string;
}

export function parseLap(fields: readonly string[]): Lap {
  const [label = '', wall, user, system, peak, status, error = ''] = fields;
  return {
    label,
    wallUs: Number(wall),
    cpuUs: Number(user) + Number(system),
    peakKiB: Number(peak),
    status: Number(status),
    error: error.trim(),
  };
}

/** The running stopwatch. */
export class Stopwatch {
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly answers: string[] = [];
  private waiting: { resolve(): void; reject(error: Error): void } | undefined;
  private ended: Error | undefined;
  private errors = '';

  constructor(program: string, directory: string, prefix: string) {
    this.child = spawn(program, [directory, prefix]);
    this.child.stderr.on('data', data => {
      this.errors += data;
    });
    this.child.stdin.on('error', () => {}); // its end is reported below
    createInterface({ input: this.child.stdout }).on('line', line => {
      if (line === '.') this.settle();
      else this.answers.push(line);
    });
    this.child.on('close', code => {
      this.ended = new Error(`the stopwatch ended with status ${code}: ${this.errors.trim()}`);
      this.settle();
    });
  }

  /** Executes a whole round. This process is idle until the last answer. */
  async round(orders: readonly Order[]): Promise<readonly (readonly string[])[]> {
    if (this.ended !== undefined) throw this.ended;
    await new Promise<void>((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.child.stdin.write(`${[...orders, ['.']].map(fields => fields.join('\t')).join('\n')}\n`);
    });
    return this.answers.splice(0).map(line => line.split('\t'));
  }

  /** Ends the remaining containers. */
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
