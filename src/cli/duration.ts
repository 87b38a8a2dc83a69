// SPDX-License-Identifier: Apache-2.0

import { RuntimeError } from '../errors/error.ts';
import { lookUp } from '../oci/look-up.ts';

/** Milliseconds per unit. */
const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Parses a duration in Go's format: `5s`, `1m30s`, `0.5h`. A duration below one millisecond becomes one.
 *
 * @throws RuntimeError `usage.bad-value` for another format, or for zero
 */
export function durationMs(name: string, text: string): number {
  if (!/^([+-]?)(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)$/.test(text)) {
    const why = /^\d+$/.test(text) ? `: a unit is missing, such as ${text}s` : '';
    throw new RuntimeError({
      code: 'usage.bad-value',
      message: `invalid value ${JSON.stringify(text)} for --${name}${why}`,
      value: text,
      hint: 'use a number and a unit (ms, s, m, h), such as 500ms or 1m30s',
    });
  }
  let total = 0;
  for (const [, number = '', unit = ''] of text.matchAll(/([\d.]+)(\D+)/g)) {
    total += Number(number) * (lookUp(units, unit) ?? 0);
  }
  if (total > 0 && !text.startsWith('-')) return Math.max(1, Math.round(total));
  throw new RuntimeError({
    code: 'usage.bad-value',
    message: `invalid value ${JSON.stringify(text)} for --${name}: must be greater than 0`,
    value: text,
  });
}
