// SPDX-License-Identifier: Apache-2.0

import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { hostFailure, isSystemError } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { parseDuration } from '../lifecycle/duration.ts';
import { timestampSeconds } from '../lifecycle/timestamp.ts';
import { connectKeeper } from './keeper.ts';

export interface LogOptions {
  /** Waits for more output until the container ends. */
  readonly follow?: boolean;
  /** Number of lines at the end from which the other options select. Default: all. */
  readonly tail?: number;
  /** Only records from this time on, and up to that one: nanoseconds since 1970. */
  readonly since?: bigint;
  readonly until?: bigint;
  /** Each line begins with its time. */
  readonly timestamps?: boolean;
  /** Default: both. */
  readonly streams?: { readonly stdout: boolean; readonly stderr: boolean };
}

const perSecond = 1_000_000_000n;
const perMillisecond = 1_000_000n;

/**
 * Prints the log of a container to standard output and error, in the order in which the keeper received it. Returns
 * if the reader of the output has disconnected.
 *
 * @throws RuntimeError `host.syscall`
 */
export function readLogs(binding: Binding, directory: string, options: LogOptions): void {
  const { follow = false, tail, since, until, timestamps = false, streams } = options;
  // Connect before the log is read: otherwise the container could end unnoticed in between.
  const attachment = follow ? connectKeeper(binding, directory, 0) : undefined;
  try {
    binding.printLog({
      directory,
      ...(attachment !== undefined && { attachment }),
      ...(tail !== undefined && { tail }),
      since: since === undefined ? '' : recordTime(since),
      until: until === undefined ? '' : recordTime(until),
      ...(until !== undefined && { untilMs: Number(until / perMillisecond) }),
      timestamps,
      stdout: streams?.stdout ?? true,
      stderr: streams?.stderr ?? true,
    });
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.syscall === 'write' && error.errno === errno.EPIPE) return;
    const missing = error.syscall === 'open' && error.errno === errno.ENOENT;
    throw hostFailure(
      error,
      error.syscall === 'write' ? 'unable to write the log' : `unable to read the log in ${directory}`,
      missing ? { hint: 'the container has not been started' } : {},
    );
  } finally {
    if (attachment !== undefined) binding.close(attachment);
  }
}

/** Formats the time of a record, always with nine digits of a second, because records are compared as text. */
function recordTime(time: bigint): string {
  const fraction = String(time % perSecond).padStart(9, '0');
  return `${timestampSeconds(time).slice(0, -1)}.${fraction}Z`;
}

/**
 * Parses the value of `--since` or `--until` as Docker does: a date (`2026-11-30T16:22:08Z`, `2026-11-30`), seconds since
 * 1970 (`1796055728.5`), or a duration before now (`10m`, `1h30m`). A date without a zone is in UTC.
 *
 * @param now - nanoseconds since 1970
 * @throws RuntimeError `usage.bad-value`
 */
export function parseLogTime(option: string, text: string, now: bigint): bigint {
  const seconds = /^(\d{1,11})(?:\.(\d{1,9}))?$/.exec(text);
  if (seconds !== null) return nanoseconds(BigInt(seconds[1] ?? '0'), seconds[2]);
  const before = parseDuration(text);
  if (before !== undefined) {
    const time = now - BigInt(before);
    return time > 0n ? time : 0n;
  }
  const date =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?$/.exec(text) ?? [];
  const [, day = '', minutes = '00:00', second = ':00', fraction, zone = 'Z'] = date;
  const milliseconds = Date.parse(`${day}T${minutes}${second}${zone}`);
  if (milliseconds >= 0) return nanoseconds(BigInt(milliseconds / 1000), fraction);
  throw new RuntimeError({
    code: 'usage.bad-value',
    message: `invalid value ${JSON.stringify(text)} for --${option}`,
    value: text,
    hint: 'use a date such as 2026-11-30T16:22:08Z, seconds since 1970, or a duration such as 10m',
  });
}

function nanoseconds(seconds: bigint, fraction = ''): bigint {
  return seconds * perSecond + BigInt(fraction.padEnd(9, '0') || '0');
}
