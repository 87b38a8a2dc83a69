// SPDX-License-Identifier: Apache-2.0

type Functions = Readonly<Record<string, (...values: unknown[]) => unknown>>;

interface HostGlobals {
  /** Reads a chunk's bytecode and evaluates it: native/standalone/main.cc. */
  readonly tsuboLoad: (name: string) => void;
  /** What the chunk that was evaluated last offers. */
  readonly tsuboChunk: Functions;
  /** The chunks that are loaded; one for all copies of this module, as every chunk has one. */
  readonly tsuboChunks: Record<string, Functions>;
}

/** The functions of a chunk, which is loaded when it is asked for first. */
export function chunk(name: string): Functions {
  const host = globalThis as unknown as HostGlobals;
  const known = host.tsuboChunks[name];
  if (known !== undefined) return known;
  host.tsuboLoad(name);
  host.tsuboChunks[name] = host.tsuboChunk;
  return host.tsuboChunk;
}
