// SPDX-License-Identifier: Apache-2.0

import { RuntimeError } from '../errors/error.ts';
import { parseDuration } from '../lifecycle/duration.ts';

/**
 * Parses a duration in Go's format: `5s`, `1m30s`, `0.5h`. A duration below one millisecond becomes one.
 *
 * @throws RuntimeError `usage.bad-value` for another format, or for zero
 */
export function durationMs(name: string, text: string): number {
  const nanoseconds = parseDuration(text.replace(/^[+-]/, ''));
  if (nanoseconds === undefined) {
    const why = /^\d+$/.test(text) ? `: a unit is missing, such as ${text}s` : '';
    throw new RuntimeError({
      code: 'usage.bad-value',
      message: `invalid value ${JSON.stringify(text)} for --${name}${why}`,
      value: text,
      hint: 'use a number and a unit (ms, s, m, h), such as 500ms or 1m30s',
    });
  }
  if (nanoseconds > 0 && !text.startsWith('-')) return Math.max(1, Math.round(nanoseconds / 1e6));
  throw new RuntimeError({
    code: 'usage.bad-value',
    message: `invalid value ${JSON.stringify(text)} for --${name}: must be greater than 0`,
    value: text,
  });
}
