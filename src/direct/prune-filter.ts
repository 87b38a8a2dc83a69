// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { parseLogTime } from './logs.ts';

/** The properties that the filters of a prune compare. */
export interface Prunable {
  /** RFC 3339; empty if it is not known. */
  readonly created: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * The values of `--filter` of a prune, as Docker has them: `until=TIME`, `label=KEY`, `label=KEY=VALUE`, `label!=...`. The
 * returned function is true for a thing that all of them select.
 *
 * @param now - nanoseconds since 1970
 * @throws RuntimeError `usage.bad-value`
 */
export function parsePruneFilters(values: readonly string[], now: bigint): (one: Prunable) => boolean {
  const tests = values.map(value => parseFilter(value, now));
  return one => tests.every(test => test(one));
}

function parseFilter(text: string, now: bigint): (one: Prunable) => boolean {
  const [, key, value = ''] = /^(until|label!?)=(.+)$/s.exec(text) ?? [];
  if (key === 'until') {
    const until = Number(parseLogTime('filter', value, now) / 1_000_000n);
    // Without a time of creation, it is not known to be older.
    return ({ created }) => Date.parse(created) < until;
  }
  if (key === undefined) {
    throw new RuntimeError({
      code: 'usage.bad-value',
      message: `invalid filter ${JSON.stringify(text)}`,
      value: text,
      hint: 'write until=TIME, label=KEY, label=KEY=VALUE or label!=KEY',
    });
  }
  const [name = '', content] = value.split(/=(.*)/s);
  const has = ({ labels }: Prunable): boolean =>
    Object.hasOwn(labels, name) && (content === undefined || labels[name] === content);
  return key === 'label' ? has : one => !has(one);
}
