// SPDX-License-Identifier: Apache-2.0
import type { Random } from '../helpers/random.ts';

/** Characters that end, begin or separate something in one of the formats, and those that no format expects. */
const pieces = [
  ...'\0\n\r\t "\'\\/:;,=@#%$&*?!()[]{}<>|~^`+-_.',
  ...['..', '//', '/../', '\\u0000', '\u2028', '\ud800', '\ufffd', '\u00e9', '\x7f', '\x1b[31m', '%s', '-1'],
  ...['0', '1', '9', '1e999', '0x10', '18446744073709551616', '4294967295', '2147483648', 'null', 'true'],
  ...['__proto__', 'constructor', 'toString', '[]', '{}', '""', '[[[[[[[[', '{"a":'],
];

/** Changes a text at a few places. */
export function mutateText(random: Random, text: string, corpus: readonly string[] = []): string {
  let out = text;
  for (let edits = 1 + random.below(4); edits > 0; edits--) {
    const at = random.below(out.length + 1);
    const length = random.once(4) ? random.below(out.length - at + 1) : random.below(4);
    switch (random.below(8)) {
      case 0:
        out = out.slice(0, at) + out.slice(at + length);
        break;
      case 1:
        out = out.slice(0, at) + out.slice(at, at + length).repeat(1 + random.below(4)) + out.slice(at);
        break;
      case 2:
        out = out.slice(0, at);
        break;
      case 3: {
        const other = corpus.length === 0 ? text : random.pick(corpus);
        const from = random.below(other.length + 1);
        out = out.slice(0, at) + other.slice(from, from + random.below(40)) + out.slice(at + length);
        break;
      }
      case 4:
        out =
          out.slice(0, at) +
          String.fromCharCode(random.below(random.once(4) ? 0x10000 : 128)) +
          out.slice(at + 1);
        break;
      default:
        out = out.slice(0, at) + random.pick(pieces) + out.slice(at + length);
    }
  }
  return out;
}

/** Changes bytes at a few places. */
export function mutateBytes(random: Random, bytes: Uint8Array): Uint8Array {
  let out = Uint8Array.from(bytes);
  for (let edits = 1 + random.below(4); edits > 0; edits--) {
    const at = random.below(out.length + 1);
    switch (random.below(7)) {
      case 0:
        out = out.slice(0, at);
        break;
      case 1:
        out = Uint8Array.from([...out.slice(0, at), ...out.slice(at + 1 + random.below(8))]);
        break;
      case 2:
        out = Uint8Array.from([
          ...out.slice(0, at),
          ...out.slice(at, at + random.below(16)),
          ...out.slice(at),
        ]);
        break;
      case 3:
        // A whole word: lengths and counts are numbers of four bytes.
        for (let i = 0; i < 4 && (at & ~3) + i < out.length; i++)
          out[(at & ~3) + i] = random.once(2) ? 255 : i === 0 ? random.below(256) : 0;
        break;
      case 4:
        if (at < out.length) out[at] = (out[at] as number) ^ (1 << random.below(8));
        break;
      default:
        if (at < out.length) out[at] = random.pick([0, 1, 2, 4, 8, 0x7f, 0x80, 0xff, random.below(256)]);
    }
  }
  return out;
}

/** Changes a value of a JSON document at a few places, without regard to any schema. */
export function mutateJson(random: Random, value: unknown): unknown {
  const copy = structuredClone(value);
  for (let edits = 1 + random.below(3); edits > 0; edits--) {
    const places = placesIn(copy);
    if (places.length === 0) return anyJson(random);
    const [parent, key] = random.pick(places);
    switch (random.below(5)) {
      case 0:
        if (Array.isArray(parent)) parent.splice(Number(key), 1);
        else delete parent[key];
        break;
      case 1:
        parent[key] = anyJson(random);
        break;
      case 2: {
        const [from, name] = random.pick(places);
        parent[key] = structuredClone(from[name]);
        break;
      }
      case 3:
        if (typeof parent[key] === 'string') parent[key] = mutateText(random, parent[key]);
        else if (typeof parent[key] === 'number') parent[key] = anyNumber(random);
        else parent[key] = anyJson(random);
        break;
      default:
        if (Array.isArray(parent)) parent.splice(Number(key), 0, structuredClone(parent[key]));
        else parent[random.pick(['version', 'x', '', '__proto__', key.toUpperCase()])] = anyJson(random);
    }
  }
  return copy;
}

type Container = Record<string, unknown>;

function placesIn(value: unknown): [Container, string][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => [
    [value as Container, key] as [Container, string],
    ...placesIn(member),
  ]);
}

export function anyNumber(random: Random): number {
  return random.pick([
    ...[0, 1, -1, 2, 255, 256, 4095, 4096, 65535, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32],
    ...[2 ** 53 - 1, 2 ** 53, 2 ** 63, 2 ** 64, -(2 ** 31), -(2 ** 63), 0.5, 1e300, random.below(2000)],
  ]);
}

export function anyText(random: Random): string {
  switch (random.below(6)) {
    case 0:
      return '';
    case 1:
      return random.pick(pieces);
    case 2:
      return 'x'.repeat(random.pick([1, 63, 64, 65, 255, 256, 4095, 4096, 70_000]));
    case 3:
      return `/${random.pick(pieces)}/${random.pick(pieces)}`;
    default:
      return Array.from({ length: random.below(12) }, () => random.pick(pieces)).join('');
  }
}

export function anyJson(random: Random, depth = 0): unknown {
  switch (random.below(depth > 2 ? 5 : 7)) {
    case 0:
      return null;
    case 1:
      return random.once(2);
    case 2:
      return anyNumber(random);
    case 3:
    case 4:
      return anyText(random);
    case 5:
      return Array.from({ length: random.below(3) }, () => anyJson(random, depth + 1));
    default:
      return Object.fromEntries(
        Array.from({ length: random.below(3) }, () => [anyText(random), anyJson(random, depth + 1)]),
      );
  }
}
