// SPDX-License-Identifier: Apache-2.0
import type { ChildProcess } from 'node:child_process';
import { waitFor } from './flow.ts';
import type { Machine } from './machine.ts';

/** A command on a pseudoterminal of the machine, made by script(1). */
export class Terminal {
  private readonly machine: Machine;
  private readonly child: ChildProcess;
  private printed = '';
  private status: number | null | undefined;

  private constructor(machine: Machine, child: ChildProcess) {
    this.machine = machine;
    this.child = child;
    child.stdout?.on('data', chunk => {
      this.printed += chunk;
    });
    child.once('close', code => {
      this.status = code;
    });
  }

  /** @param command words without characters that a shell interprets */
  static open(machine: Machine, rows: number, columns: number, command: readonly string[]): Terminal {
    const words = command.map(word => `'${word}'`).join(' ');
    const script = `stty rows ${rows} cols ${columns}; echo "terminal=$(tty)"; exec ${words}`;
    const child = machine.spawn([
      'script',
      '--quiet',
      '--return',
      '--flush',
      '--command',
      script,
      '/dev/null',
    ]);
    return new Terminal(machine, child);
  }

  /** Everything that the command has printed. */
  get output(): string {
    return this.printed;
  }

  /** Waits until the output contains the pattern, and returns the match. */
  expect(pattern: RegExp): Promise<RegExpExecArray> {
    return waitFor(`${pattern} on the terminal`, () => pattern.exec(this.printed) ?? undefined).catch(
      error => {
        throw new Error(`${error.message}: ${JSON.stringify(this.printed)}`);
      },
    );
  }

  type(text: string): void {
    this.child.stdin?.write(text);
  }

  /** Sets the size of the terminal; the kernel signals it to the programs in the foreground. */
  async resize(rows: number, columns: number): Promise<void> {
    const [, name = ''] = await this.expect(/terminal=(\S+)/);
    this.machine.run(['stty', '--file', name, 'rows', String(rows), 'cols', String(columns)]);
  }

  /** Changes the size until the output contains the pattern: Podman may lose one of two quick changes. */
  async resizeUntil(rows: number, columns: number, pattern: RegExp): Promise<void> {
    for (let round = 0; round < 30 && !pattern.test(this.printed); round++) {
      await this.resize(rows, columns - 1);
      await this.resize(rows, columns);
      await waitFor('the size', () => (pattern.test(this.printed) ? true : undefined), 2).catch(() => {});
    }
    await this.expect(pattern);
  }

  /** Waits for the end and returns the exit status. */
  ended(): Promise<number | null> {
    return waitFor('the end of the terminal', () => this.status);
  }
}
