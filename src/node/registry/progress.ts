// SPDX-License-Identifier: Apache-2.0
import type { WriteStream } from 'node:tty';
import { decimalSize } from '../../cli/listing.ts';

const barWidth = 30;
const redrawInterval = 100;
/** Docker shows more digits of a size here than in its lists. */
const digits = 4;

/** The row of one layer. */
export interface LayerProgress {
  state(text: string): void;
  /** A state that only a terminal shows. */
  passing(text: string): void;
  bytes(done: number, total: number): void;
}

/** The words of the two directions. */
type Direction = 'Downloading' | 'Pushing';

/** The output of a pull or push: on a terminal a bar for each layer, elsewhere a line for each change of a layer's state. */
export class Progress {
  readonly #out: WriteStream;
  readonly #quiet: boolean;
  readonly #rows: string[] = [];
  /** Lines of the last drawing. */
  #drawn = 0;
  #timer: NodeJS.Timeout | undefined;

  readonly #direction: Direction;

  constructor(out: WriteStream, quiet: boolean, direction: Direction = 'Downloading') {
    this.#out = out;
    this.#direction = direction;
    this.#quiet = quiet;
  }

  /** A line of its own. */
  line(text: string): void {
    if (this.#quiet) return;
    this.#finishDrawing();
    this.#out.write(`${text}\n`);
  }

  /** Reports on one layer. */
  layer(name: string): LayerProgress {
    const row = this.#rows.push('') - 1;
    return {
      state: text => {
        if (this.#quiet) return;
        if (!this.#out.isTTY) this.#out.write(`${name}: ${text}\n`);
        else this.#set(row, `${name}: ${text}`);
      },
      passing: text => {
        if (!this.#quiet && this.#out.isTTY) this.#set(row, `${name}: ${text}`);
      },
      bytes: (done, total) => {
        if (!this.#quiet && this.#out.isTTY)
          this.#set(row, `${name}: ${this.#direction} ${bar(done, total)}`);
      },
    };
  }

  #set(row: number, text: string): void {
    this.#rows[row] = text;
    this.#timer ??= setTimeout(() => this.#draw(), redrawInterval);
  }

  /** Draws at once, before work that blocks the program. */
  draw(): void {
    if (this.#timer !== undefined) this.#draw();
  }

  #draw(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // A line that wraps, or one above the top of the terminal, cannot be drawn again.
    const columns = (this.#out.columns || 80) - 1;
    const shown = this.#rows.filter(text => text !== '').slice(-Math.max(1, (this.#out.rows || 24) - 2));
    const back = this.#drawn > 0 ? `\x1b[${this.#drawn}A` : '';
    this.#out.write(back + shown.map(text => `${text.slice(0, columns)}\x1b[K\n`).join(''));
    this.#drawn = shown.length;
  }

  /** Draws the last state; later output is written below it. */
  #finishDrawing(): void {
    if (this.#timer !== undefined) this.#draw();
    this.#drawn = 0;
    this.#rows.fill('');
  }

  end(): void {
    this.#finishDrawing();
  }
}

function bar(done: number, total: number): string {
  const filled = total === 0 ? barWidth : Math.floor((done / total) * barWidth);
  const line = filled === 0 ? '' : `${'='.repeat(filled - 1)}>`;
  return `[${line.padEnd(barWidth)}] ${decimalSize(done, digits)}/${decimalSize(total, digits)}`;
}
