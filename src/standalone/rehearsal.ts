// SPDX-License-Identifier: Apache-2.0
import type { Binding } from '../host/binding.d.ts';

/**
 * A recorded command (native/build/rehearse.mjs): the results of each function of the binding, in the order of the
 * calls.
 * rehearsal.json beside this file is a list of such commands.
 */
export interface RecordedCommand {
  readonly argv: readonly string[];
  readonly status: number;
  readonly calls: Readonly<Record<string, readonly Recorded[]>>;
}

/** A result, or the error of a failed system call. An empty object is undefined. */
export interface Recorded {
  readonly value?: RecordedValue;
  readonly error?: { readonly message: string; readonly [name: string]: unknown };
}

export type RecordedValue =
  | string
  | number
  | boolean
  | null
  | readonly RecordedValue[]
  | { readonly bytes: readonly number[] }
  | { readonly bigint: string }
  | { readonly record: { readonly [name: string]: RecordedValue } };

/** The end of a command in a rehearsal. */
export interface Ended {
  readonly argv: readonly string[];
  /** -1 after a call that was not recorded. */
  readonly status: number;
  /** The first call that was not recorded: the program has changed since. */
  readonly missing?: string;
  /** Functions with recorded calls that the command did not make. */
  readonly unused: readonly string[];
}

/**
 * Executes commands without the machine: each call of the binding returns its recorded result. The build observes
 * during the call which parts of the heap the commands use. The function is pure.
 *
 * @param start - executes a command and returns its exit status
 * @param machine - the real binding: its functions are read, as a command does, and not called
 */
export function rehearse(
  commands: readonly RecordedCommand[],
  start: (binding: Binding) => number,
  machine: Readonly<Record<string, unknown>> = {},
): readonly Ended[] {
  const names = new Set(commands.flatMap(({ calls }) => Object.keys(calls)));
  return commands.map(command => {
    const { argv } = command;
    const rest = new Map(Object.entries(command.calls).map(([name, results]) => [name, [...results]]));
    let missing: string | undefined;
    const binding: Record<string, unknown> = { argv: () => [...argv] };
    for (const name of names) {
      binding[name] = () => {
        // A command reads the function before it calls it.
        void machine[name];
        const next = missing === undefined ? rest.get(name)?.shift() : undefined;
        if (next !== undefined) return resultOf(next);
        missing ??= name;
        throw new Error(`${name}: not recorded`);
      };
    }
    const status = statusOf(() => start(binding as unknown as Binding));
    const unused = [...rest].flatMap(([name, results]) => (results.length > 0 ? [name] : []));
    return missing === undefined ? { argv, status, unused } : { argv, status: -1, missing, unused };
  });
}

/** Returns -1 if the command throws, also because it calls a function that no command of the recording calls. */
function statusOf(command: () => number): number {
  try {
    return command();
  } catch {
    return -1;
  }
}

function resultOf({ value, error }: Recorded): unknown {
  if (error !== undefined) throw Object.assign(new Error(error.message), error);
  return value === undefined ? undefined : decoded(value);
}

function decoded(value: RecordedValue): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(decoded);
  if ('bytes' in value) return new Uint8Array(value.bytes);
  if ('bigint' in value) return BigInt(value.bigint);
  const { record } = value as { readonly record: { readonly [name: string]: RecordedValue } };
  return Object.fromEntries(Object.entries(record).map(([name, inner]) => [name, decoded(inner)]));
}
