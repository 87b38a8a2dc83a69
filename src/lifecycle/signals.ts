// SPDX-License-Identifier: Apache-2.0

import { RuntimeError } from '../errors/error.ts';
import { didYouMean } from '../errors/spelling.ts';
import { SIG } from '../kernel/signals.ts';
import { lookUp } from '../oci/look-up.ts';

/** Real-time signals as glibc numbers them: it reserves 32 and 33. */
const firstRealtime = 34;
export const lastRealtime = 64;

/**
 * Number of a signal given as a number or a name: `15`, `TERM`, `sigterm`, `RTMIN+3`, `RTMAX-1`. 0 only checks that the process exists.
 *
 * @throws RuntimeError `usage.signal`
 */
export function signalNumber(text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : byName(text.toUpperCase().replace(/^SIG/, ''));
  if (number !== undefined && number <= lastRealtime) return number;
  throw new RuntimeError({
    code: 'usage.signal',
    message: `unknown signal ${JSON.stringify(text)}`,
    value: text,
    hint:
      didYouMean(
        text.replace(/^SIG/i, ''),
        Object.keys(SIG).map(name => name.slice(3)),
      ) ?? `use a number from 0 to ${lastRealtime}, or a name such as TERM, SIGKILL, hup, RTMIN+3`,
  });
}

/** `SIGTERM` for 15; `signal 40` for a signal without a name. */
export function signalName(number: number): string {
  const found = Object.entries(SIG).find(([, candidate]) => candidate === number);
  return found === undefined ? `signal ${number}` : found[0];
}

function byName(name: string): number | undefined {
  const realtime = /^RT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name);
  if (realtime === null) return lookUp<number>(SIG, `SIG${name}`);
  const distance = Number(realtime[3] ?? 0) * (realtime[2] === '-' ? -1 : 1);
  const number = (realtime[1] === 'MIN' ? firstRealtime : lastRealtime) + distance;
  return number >= firstRealtime && number <= lastRealtime ? number : undefined;
}
