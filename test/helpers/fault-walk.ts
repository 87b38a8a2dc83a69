// SPDX-License-Identifier: Apache-2.0
import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { helperProgram } from './inside.ts';
import { runtime } from './runtime.ts';

const errnoNumbers = { EIO: 5, ENOMEM: 12, ENOSPC: 28 } as const;
type Errno = keyof typeof errnoNumbers;

/** One fault: at a call of a process. */
export interface Step {
  readonly how: 'error' | 'kill';
  /** 0 is the command itself; the others are its init and helpers, in the order of their clones. */
  readonly process: number;
  /** The number of the call among those of the process, from 1. */
  readonly call: number;
  readonly errno: Errno;
  /** `create 0:17 mkdirat /run/tsubo/one ENOSPC`. */
  readonly label: string;
}

/** Calls that fail with ENOSPC on a full disk; those that open a file fail with EIO, all others with ENOMEM. */
const takesSpace = /^(mkdir|mknod|symlink|link|write|pwrite|ftruncate|fallocate|rename|setxattr|fsetxattr)/;
const errnoOf = (name: string): Errno =>
  takesSpace.test(name) ? 'ENOSPC' : /^(open|unlink|rmdir)/.test(name) ? 'EIO' : 'ENOMEM';

/**
 * Chooses the steps of the walk. TSUBO_FAULTS=all takes all, a number at most that many of each command (default: 6).
 * With TSUBO_FAULTS_SHARD=1/3 the process takes one third of them, for several processes at a time. With `all`, steps
 * without a problem are recorded in build/faults, and a later run with the same executable leaves them out.
 * TSUBO_FAULTS_ONLY takes the steps whose label contains that text.
 */
export class FaultWalk {
  readonly #most: number;
  readonly #shard: readonly [number, number];
  readonly #file: string;
  readonly #done = new Set<string>();
  readonly #counts = { steps: 0, failed: 0, tolerated: 0, unreached: 0, residues: 0 };

  constructor() {
    const wanted = process.env['TSUBO_FAULTS'] || '6';
    this.#most = wanted === 'all' ? Number.POSITIVE_INFINITY : Number(wanted);
    const [index = 1, of = 1] = (process.env['TSUBO_FAULTS_SHARD'] || '1/1').split('/').map(Number);
    this.#shard = [index - 1, of];
    const directory = fileURLToPath(new URL('../../build/faults', import.meta.url));
    const program = runtime.command[0] ?? '';
    const version = existsSync(program) ? Math.round(statSync(program).mtimeMs) : 0;
    this.#file = wanted === 'all' ? join(directory, `${version}.done`) : '';
    if (this.#file === '') return;
    mkdirSync(directory, { recursive: true });
    if (!existsSync(this.#file)) return;
    for (const line of readFileSync(this.#file, 'utf8').split('\n')) this.#done.add(line);
  }

  /** The program that makes the fault, or only lists the calls. */
  wrapper(output: string, step: Step | undefined, attach: number): string[] {
    const program = helperProgram('injector');
    const { how = 'record', process = 0, call = 0 } = step ?? {};
    const errno = step === undefined ? 0 : errnoNumbers[step.errno];
    return [program, output, how, ...[process, call, errno, attach].map(String)];
  }

  /** The steps of a command, from the list of its calls. */
  steps(command: string, list: string): Step[] {
    const all = list
      .split('\n')
      .filter(line => line !== '')
      .flatMap(line => {
        const [process = '', call = '', name = ''] = line.split(' ');
        const errno = errnoOf(name);
        const base = { process: Number(process), call: Number(call), errno };
        return (['error', 'kill'] as const).map(how => ({
          ...base,
          how,
          label: `${command} ${line} ${how === 'error' ? errno : 'SIGKILL'}`,
          key: `${command} ${process}:${call} ${name} ${how}`,
        }));
      });
    const [index, of] = this.#shard;
    const only = process.env['TSUBO_FAULTS_ONLY'] || '';
    if (only !== '') return all.filter(({ label }) => label.includes(only));
    const own = all.filter((step, at) => at % of === index && !this.#done.has(step.key));
    if (own.length <= this.#most) return own;
    return Array.from(
      { length: this.#most },
      (_, at) => own[Math.floor(((at + 0.5) * own.length) / this.#most)] as Step,
    );
  }

  count({ how }: Step, status: number | null): void {
    this.#counts.steps += 1;
    if (status === 121) this.#counts.unreached += 1;
    else if (how === 'error' && status === 0) this.#counts.tolerated += 1;
    else if (how === 'error') this.#counts.failed += 1;
  }

  record(step: Step, problems: readonly string[]): void {
    this.#counts.residues += problems.length;
    // At once, because a whole walk takes hours.
    for (const problem of problems) process.stdout.write(`${problem}\n`);
    if (this.#file === '' || problems.length > 0) return;
    appendFileSync(this.#file, `${(step as Step & { key: string }).key}\n`);
  }

  print(): void {
    const { steps, failed, tolerated, unreached, residues } = this.#counts;
    process.stdout.write(
      `faults: ${steps} steps: ${failed} errors, ${tolerated} tolerated, ${unreached} not reached, ` +
        `${steps - failed - tolerated - unreached} kills; ${residues} problems\n`,
    );
  }
}
