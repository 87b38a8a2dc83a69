// SPDX-License-Identifier: Apache-2.0
import { formatPointer } from '../../bundle/pointer.ts';
import { RuntimeError } from '../../errors/error.ts';
import { parseVariant } from './gvariant.ts';
import type { Property } from './properties.ts';
import type { Variant } from './types.ts';

const prefix = 'org.systemd.property.';
const microsecondsPerSecond = 1_000_000;

/**
 * Returns the unit properties from annotations such as `org.systemd.property.CollectMode`, whose value is in GVariant
 * text format. systemd's times are in microseconds (`TimeoutStopUSec`); `TimeoutStopSec` is the same in seconds.
 *
 * @throws RuntimeError `config.systemd-property`
 */
export function annotatedProperties(annotations: Readonly<Record<string, string>> = {}): Property[] {
  const properties: Property[] = [];
  for (const [key, text] of Object.entries(annotations)) {
    if (!key.startsWith(prefix)) continue;
    const name = key.slice(prefix.length);
    const refuse = (why: string): RuntimeError =>
      new RuntimeError({
        code: 'config.systemd-property',
        pointer: formatPointer(['annotations', key]),
        value: text,
        message: `annotation ${key}: ${why}`,
        hint: "write the value as D-Bus shows it (busctl introspect), for example 'inactive-or-failed' or uint64 5000000",
      });
    if (!/^[A-Za-z]{3,}$/.test(name)) throw refuse('the name of a property has at least three letters');
    let value: Variant;
    try {
      value = parseVariant(text);
    } catch (error) {
      throw refuse(`value parse error: ${(error as Error).message}`);
    }
    if (!/[a-z]Sec$/.test(name)) properties.push({ name, value });
    else {
      const microsecondsOf = inMicroseconds(value);
      if (microsecondsOf === undefined) throw refuse('not a number of seconds');
      properties.push({
        name: `${name.slice(0, -'Sec'.length)}USec`,
        value: { signature: 't', value: microsecondsOf },
      });
    }
  }
  return properties;
}

function inMicroseconds({ value }: Variant): bigint | undefined {
  if (typeof value === 'bigint' && value >= 0n) return value * BigInt(microsecondsPerSecond);
  if (typeof value === 'number' && value >= 0) return BigInt(Math.trunc(value * microsecondsPerSecond));
  return undefined;
}
