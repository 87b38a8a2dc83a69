// SPDX-License-Identifier: Apache-2.0
import type { WebSocket } from 'ws';
import { toRuntimeError } from '../../errors/system.ts';
import type { Collected } from './collect.ts';
import type { LiveMessage, Snapshot } from './messages.ts';
import { shownError } from './shown-error.ts';
import { Watches } from './watches.ts';

/**
 * Milliseconds between two reads for changes that change no watched file: a pause, a killed keeper, an empty network.
 */
const pollMs = 1000;
/** Milliseconds from a change to the read, because several files change at a start or an end. */
const settleMs = 40;
/** The pause after a read, as a multiple of its duration: a slow read must not be repeated without a pause. */
const restFactor = 4;

export interface LiveOptions {
  readonly collect: () => Promise<Collected>;
  /** The members of a snapshot that never change. */
  readonly fixed: Pick<Snapshot, 'version' | 'host' | 'rootless'>;
  /** The directory of images and containers. */
  readonly data: string;
}

/** Sends the state to all pages: at once, after every change, and never if nothing has changed. */
export class Live {
  readonly #options: LiveOptions;
  readonly #pages = new Set<WebSocket>();
  readonly #watches: Watches;
  #timer: NodeJS.Timeout | undefined;
  #isReading = false;
  #isStale = false;
  #sent = '';

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#watches = new Watches(options.data, () => this.#soon(settleMs));
  }

  add(page: WebSocket): void {
    this.#pages.add(page);
    page.on('close', () => this.#remove(page));
    if (this.#sent !== '') page.send(this.#sent);
    void this.#read();
  }

  /** Reads the state soon, after an action of the page. */
  changed(): void {
    this.#soon(0);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#watches.close();
  }

  #remove(page: WebSocket): void {
    this.#pages.delete(page);
    if (this.#pages.size > 0) return;
    this.close();
    this.#sent = '';
  }

  #soon(ms: number): void {
    if (this.#isReading) {
      this.#isStale = true;
      return;
    }
    if (this.#pages.size === 0) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#read(), ms);
  }

  async #read(): Promise<void> {
    if (this.#isReading) {
      this.#isStale = true;
      return;
    }
    this.#isReading = true;
    this.#isStale = false;
    clearTimeout(this.#timer);
    const begun = performance.now();
    const message = await this.#message();
    const tookMs = performance.now() - begun;
    this.#isReading = false;
    const text = JSON.stringify(message);
    if (text !== this.#sent) for (const page of this.#pages) page.send(text);
    this.#sent = this.#pages.size > 0 ? text : '';
    const restMs = tookMs * restFactor;
    this.#soon(this.#isStale ? Math.max(settleMs, restMs) : Math.max(pollMs, restMs));
  }

  async #message(): Promise<LiveMessage> {
    try {
      const { problems, ...parts } = await this.#options.collect();
      // A container that was added while the state was read is watched from the next read on.
      if (this.#pages.size > 0) this.#watches.update(parts.containers.map(({ id }) => id));
      return {
        kind: 'snapshot',
        snapshot: { ...this.#options.fixed, ...parts, problems: problems.map(shownError) },
      };
    } catch (error) {
      return { kind: 'failure', error: shownError(toRuntimeError(error).fields()) };
    }
  }
}
