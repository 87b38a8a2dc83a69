// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type ExitRecord, readExit } from '../../src/direct/exit-status.ts';
import { type KeeperOptions, type StartedKeeper, startContainerKeeper } from '../../src/direct/keeper.ts';
import { isRuntimeError, type RuntimeError } from '../../src/errors/error.ts';
import type { Binding } from '../../src/host/binding.d.ts';
import type { Bundle } from './bundle.ts';
import { type Sandbox, until } from './sandbox.ts';

export const binding = createRequire(import.meta.url)('../../build/Release/tsubo.node') as Binding;

/**
 * Waits for the end of a run. Unlike `waitExit` it does not block this process, which reads the output of the clients that
 * it has started: a client that cannot write stops the program.
 */
export async function endOf(directory: string): Promise<ExitRecord> {
  let end: ExitRecord | undefined;
  await until('the run has ended', () => {
    end = readExit(binding, directory);
    return end !== undefined;
  });
  return end as unknown as ExitRecord;
}

/** The error that a call throws. */
export function failure(call: () => unknown): RuntimeError {
  try {
    call();
  } catch (error) {
    if (isRuntimeError(error)) return error;
    throw error;
  }
  throw new Error('the call has not failed');
}

/** One record of the log: `TIME STREAM TAG TEXT`. */
export interface LogLine {
  readonly time: string;
  readonly stream: string;
  readonly tag: string;
  readonly text: string;
}

/** The records of a file of the log, oldest first. */
export function logLines(directory: string, file = 'log'): LogLine[] {
  const lines = readFileSync(join(directory, file), 'latin1').split('\n').slice(0, -1);
  return lines.map(line => {
    const [, time = '', stream = '', tag = '', text = ''] = /^(\S+) (\S+) (\S) (.*)$/s.exec(line) ?? [];
    return { time, stream, tag, text };
  });
}

/** The output of the program to a stream, according to the log. */
export function loggedText(directory: string, stream: string, file = 'log'): string {
  return logLines(directory, file)
    .filter(line => line.stream === stream)
    .map(({ tag, text }) => (tag === 'F' ? `${text}\n` : text))
    .join('');
}

/** A created container with a keeper. Its bundle is the container's directory. */
export function keep(
  sandbox: Sandbox,
  modify: (bundle: Bundle) => void,
  change: Partial<KeeperOptions> = {},
): StartedKeeper & { readonly bundle: Bundle; readonly directory: string } {
  const bundle = sandbox.bundle(modify);
  return { ...keepAgain(sandbox, bundle, change), bundle, directory: bundle.dir };
}

export function keepAgain(
  sandbox: Sandbox,
  bundle: Bundle,
  change: Partial<KeeperOptions> = {},
): StartedKeeper {
  const create = sandbox.command('create', '--bundle', bundle.dir, bundle.id);
  return startContainerKeeper(binding, {
    directory: bundle.dir,
    argv: sandbox.view.wrap(create, '/'),
    terminal: false,
    openStdin: false,
    logLimit: { bytes: 0, files: 1 },
    ...change,
  });
}

/** A field of /proc/PID/status as text. */
export function statusField(pid: number, name: string): string | undefined {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(text)?.[1];
}

/** The targets of the descriptors of a process. */
export function openFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).map(fd => readlinkSync(`/proc/${pid}/fd/${fd}`));
}

/** The private memory of a process in KiB. */
export function privateMemory(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kilobytes = (key: string) => Number(new RegExp(`${key}: +(\\d+) kB`).exec(rollup)?.[1]);
  return kilobytes('Private_Clean') + kilobytes('Private_Dirty');
}
