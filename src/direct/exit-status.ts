// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Binding, ContainerEnd } from '../host/binding.d.ts';
import { entryPath } from '../host/paths.ts';
import { timestamp } from '../lifecycle/timestamp.ts';
import { boolean, type ObjectShape, string } from '../oci/shape.ts';
import { checkShape } from '../validate/check-shape.ts';
import { connectKeeper } from './keeper.ts';

/** exit.json of a container, which its keeper writes before any client receives the end. */
export interface ExitRecord {
  /** Pid of the init, in the pid namespace of the keeper. */
  readonly pid: number;
  /** The exit status, or 128 plus the number of the signal. */
  readonly status: number;
  readonly signal?: number;
  /** The kernel killed a process of the container because of its memory limit. */
  readonly oomKilled: boolean;
  /** RFC 3339. */
  readonly finishedAt: string;
  /** Output that could not be written to the log, and the errno of the first failed write. */
  readonly log?: { readonly lostBytes: number; readonly errno: number };
}

/**
 * Reads the exit status of the last run. Returns undefined if there is none: the container runs, has never run, or its
 * keeper was killed (`keeperLives` is true only while it runs).
 *
 * @throws RuntimeError `keeper.no-exit-status`, `host.syscall`
 */
export function readExit(binding: Binding, directory: string): ExitRecord | undefined {
  const path = entryPath(directory, 'exit.json');
  const text = onHost(`unable to read ${path}`, () => binding.readTextIfThere(path));
  if (text === undefined) return undefined;
  const record = parsed(text);
  if (record !== undefined) return record;
  throw new RuntimeError({
    code: 'keeper.no-exit-status',
    message: `${path} contains no exit status`,
    path,
    hint: 'another program has changed the file',
  });
}

const shape: ObjectShape = {
  kind: 'object',
  properties: {
    pid: { kind: 'integer', min: 1, max: Number.MAX_SAFE_INTEGER },
    status: { kind: 'integer', min: 0, max: 255 },
    signal: { kind: 'integer', min: 1, max: 64 },
    oomKilled: boolean,
    finishedAt: string,
    log: {
      kind: 'object',
      properties: {
        lostBytes: { kind: 'integer', min: 0, max: Number.MAX_SAFE_INTEGER },
        errno: { kind: 'integer', min: 0, max: 4095 },
      },
      required: ['lostBytes', 'errno'],
      partial: true,
    },
  },
  required: ['pid', 'status', 'oomKilled', 'finishedAt'],
  partial: true,
};

function parsed(text: string): ExitRecord | undefined {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { value, problems } = checkShape(shape, document, '', 'the document');
  return problems.length === 0 ? (value as unknown as ExitRecord) : undefined;
}

/**
 * Waits for the end of a container's run, without polling. Returns the status at once if the run has ended, and
 * undefined after `timeoutMs` (-1: no timeout).
 *
 * @throws RuntimeError `keeper.gone` if the keeper was killed, or the container has not been started yet
 */
export function waitExit(binding: Binding, directory: string, timeoutMs = -1): ExitRecord | undefined {
  const ended = readExit(binding, directory);
  if (ended !== undefined) return ended;
  const connection = connectKeeper(binding, directory, 0);
  // The keeper may have exited since exit.json was read.
  if (connection === undefined) return readExit(binding, directory) ?? keeperGone(directory);
  let end: ContainerEnd;
  try {
    end = onHost('unable to wait for the container', () => binding.awaitContainerEnd(connection, timeoutMs));
  } finally {
    binding.close(connection);
  }
  if (end.how === 'time') return undefined;
  const record = readExit(binding, directory);
  if (record !== undefined) return record;
  // The container may have been removed meanwhile.
  return end.how === 'ended' ? recordOf(binding, end) : keeperGone(directory);
}

/** Returns the record of an end that a keeper has reported. */
export function recordOf(
  binding: Binding,
  { pid = 0, status = 0, signal = 0, oomKilled = false }: Omit<ContainerEnd, 'how'>,
): ExitRecord {
  return {
    pid,
    status,
    ...(signal > 0 && { signal }),
    oomKilled,
    finishedAt: timestamp(binding.now()),
  };
}

export function keeperGone(directory: string): never {
  throw new RuntimeError({
    code: 'keeper.gone',
    message: 'the keeper of the container was killed: its exit status is not known',
    path: directory,
    hint: 'the container may still run: remove it with force, and run it again',
  });
}
