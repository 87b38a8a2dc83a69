// SPDX-License-Identifier: Apache-2.0
import type { Machine } from './machine.ts';

/** Something that the users of an engine do, with assertions on what they get. */
export interface Flow<Engine> {
  /** A sentence about the container. */
  readonly name: string;
  /** Part of `--short`. */
  readonly short?: true;
  /** The cgroup controllers that the containers need. */
  readonly controllers?: readonly string[];
  readonly run: (engine: Engine) => void | Promise<void>;
}

/** The runtime under the engines. */
export type Runtime = 'runc' | 'tsubo';

/** An engine that runs. */
export interface Running {
  readonly machine: Machine;
  /** Removes what a flow has left, and throws if something of its containers remains. */
  reset(): void | Promise<void>;
}

/** An engine and its flows. */
export interface Engine<Started extends Running = Running> {
  readonly name: string;
  readonly start: (machine: Machine, runtime: Runtime) => Promise<Started>;
  readonly flows: readonly Flow<Started>[];
}

/** Calls `look` until it returns something else than undefined. */
export async function waitFor<T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
  seconds = 180,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${seconds} s`);
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}
