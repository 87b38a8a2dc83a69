// SPDX-License-Identifier: Apache-2.0

import type { IntegerShape, ObjectShape, Shape } from '../../src/oci/shape.ts';
import { configShape } from '../../src/validate/config-shape.ts';
import { defaultConfig } from './config.ts';

/** A kind of config.json that can be made of any size. */
export interface BigDocument {
  /** The repeated part and its content: `/mounts: entries that differ`. */
  readonly name: string;
  /** A text of about `size` characters. */
  readonly text: (size: number) => string;
}

/**
 * Documents that each grow in one place: every list, map, object, string and number in the shape of config.json, which
 * includes new properties, with valid, invalid, repeated and unknown content.
 */
export function bigDocuments(): BigDocument[] {
  return [...fillings(configShape, []), ...wholes];
}

/** A place of config.json that contains a text or a name chosen by the user. */
export interface TextPlace {
  readonly name: string;
  /** A whole config.json with this text there. */
  readonly document: (text: string) => string;
}

export function textPlaces(): TextPlace[] {
  return [...places(configShape, [])];
}

function* places(shape: Shape, path: Path): Generator<TextPlace> {
  const name = `/${path.join('/')}`;
  switch (shape.kind) {
    case 'string':
      yield { name, document: text => document(path, shape, JSON.stringify(text)) };
      return;
    case 'list':
      yield* places(shape.of, [...path, 0]);
      return;
    case 'map': {
      const value = JSON.stringify(sample(shape.of, [...path, 'x'], 0));
      const entry = (key: string) => `{${JSON.stringify(key)}: ${value}}`;
      yield { name: `a name in ${name}`, document: text => document(path, shape, entry(text)) };
      yield* places(shape.of, [...path, nameAt(path, 0)]);
      return;
    }
    case 'object': {
      const entry = (key: string) => `{${JSON.stringify(key)}: [1]}`;
      yield { name: `a property of ${name}`, document: text => document(path, shape, entry(text)) };
      for (const [key, inner] of Object.entries(shape.properties)) yield* places(inner, [...path, key]);
      return;
    }
    default:
      return;
  }
}

type Path = readonly (string | number)[];

/** Placeholder for the growing part in the text of a document. */
const hole = '@hole@';

function* fillings(shape: Shape, path: Path): Generator<BigDocument> {
  const into = (
    what: string,
    entry: (index: number) => string,
    around: readonly [string, string],
  ): BigDocument => ({
    name: `/${path.join('/')}: ${what}`,
    text: size => document(path, shape, around[0] + repeat(entry, size) + around[1]),
  });
  switch (shape.kind) {
    case 'string':
      for (const [what, unit] of Object.entries(strings)) {
        yield {
          name: `/${path.join('/')}: ${what}`,
          text: size => document(path, shape, JSON.stringify(unit.repeat(size / unit.length))),
        };
      }
      return;
    case 'integer':
      for (const [what, digits] of Object.entries(numbers)) {
        yield { name: `/${path.join('/')}: ${what}`, text: size => document(path, shape, digits(size)) };
      }
      return;
    case 'boolean':
      return;
    case 'list': {
      const list = ['[', ']'] as const;
      const of = [...path, 0];
      yield into('entries that differ', index => JSON.stringify(sample(shape.of, of, index)), list);
      yield into('one entry many times', () => JSON.stringify(sample(shape.of, of, 0)), list);
      yield into('numbers', index => `${index}.5`, list);
      yield into('null', () => 'null', list);
      yield into('empty objects', () => '{}', list);
      yield into('empty lists', () => '[]', list);
      yield into('unknown words', index => `"word${index}"`, list);
      if (shape.of.kind === 'object') {
        yield into(
          'objects with wrong and unknown members',
          index => wrongObject(shape.of as ObjectShape, index),
          list,
        );
      }
      yield* fillings(shape.of, of);
      return;
    }
    case 'map': {
      const map = ['{', '}'] as const;
      yield into(
        'names that differ',
        index =>
          `${JSON.stringify(nameAt(path, index))}: ${JSON.stringify(sample(shape.of, [...path, 'x'], index))}`,
        map,
      );
      yield into(
        'one name many times',
        index => `"x.y": ${JSON.stringify(sample(shape.of, [...path, 'x'], index))}`,
        map,
      );
      yield into('values of the wrong type', index => `"name.${index}": [${index}]`, map);
      yield into(
        'strange names',
        index => `"a/${index}/~/\\u001b": ${JSON.stringify(sample(shape.of, [...path, 'x'], index))}`,
        map,
      );
      yield* fillings(shape.of, [...path, nameAt(path, 0)]);
      return;
    }
    case 'object': {
      const object = ['{', '}'] as const;
      const [known = 'x', first = { kind: 'boolean' }] = Object.entries(shape.properties)[0] ?? [];
      yield into('unknown names', index => `"name${index}": ${index}`, object);
      yield into('names that are nearly known', index => `"${known}${index % 10}": [${index}]`, object);
      yield into(
        'one name many times',
        index => `"${known}": ${JSON.stringify(sample(first, [...path, known], index))}`,
        object,
      );
      yield into(
        'one name in many spellings',
        index => `"${spelling(known, index)}": ${JSON.stringify(sample(first, [...path, known], index))}`,
        object,
      );
      yield into(
        'a value nested',
        index => `"${known}${index}": ${'['.repeat(990)}${']'.repeat(990)}`,
        object,
      );
      for (const [name, inner] of Object.entries(shape.properties)) yield* fillings(inner, [...path, name]);
    }
  }
}

const strings: Readonly<Record<string, string>> = {
  'a long word': 'a',
  'a long path': '/a',
  'a path that goes up': '/..',
  commas: 'a,',
  'numbers and commas': '1-2,',
  blanks: ' ',
  'line ends': '\n',
  'control characters': '\u001b',
  'names and equals signs': 'a=',
  quotes: '"\\',
  'beyond ASCII': '\u00e9\u{1f600}',
};

const numbers: Readonly<Record<string, (size: number) => string>> = {
  'many digits': size => '9'.repeat(size),
  'many digits of a fraction': size => `0.${'1'.repeat(size)}`,
  'a large exponent': size => `1e${'9'.repeat(size)}`,
};

const wholes: readonly BigDocument[] = [
  { name: 'blanks before', text: size => ' '.repeat(size) + base() },
  { name: 'blanks after', text: size => base() + ' '.repeat(size) },
  { name: 'line ends before', text: size => '\n'.repeat(size) + base() },
  { name: 'text after', text: size => `${base()} ${'{"a":1},'.repeat(size / 8)}` },
  { name: 'a string that does not end', text: size => `{"a": "${'\\"'.repeat(size / 2)}` },
  { name: 'backslashes', text: size => `{"a": "${'\\'.repeat(size)}"}` },
  { name: 'backslashes and quotes', text: size => `{"a": "${'\\\\\\"'.repeat(size / 4)}` },
  { name: 'a wrong escape at the end', text: size => `{"a": "${'\\n'.repeat(size / 2)}\\q"}` },
  { name: 'a control character at the end', text: size => `{"a": "${'b'.repeat(size)}\u0001"}` },
  { name: 'cut off', text: size => `{"a": [${'1,'.repeat(size / 2)}` },
  { name: 'commas', text: size => `{"a": [${','.repeat(size)}` },
  { name: 'open brackets', text: size => '['.repeat(size) },
  { name: 'open braces', text: size => '{"a":'.repeat(size / 5) },
  { name: 'a long word', text: size => `{"a": ${'t'.repeat(size)}}` },
  { name: 'minus signs', text: size => `{"a": ${'-'.repeat(size)}}` },
  { name: 'lines', text: size => `{"a": [\n${'1,\n'.repeat(size / 3)}x]}` },
  { name: 'exact numbers', text: size => `{"a": [${'9007199254740993,'.repeat(size / 17)}1]}` },
  { name: 'one long name', text: size => `{"${'a'.repeat(size)}": 1}` },
  { name: 'nulls', text: size => '\0'.repeat(size) },
  { name: 'bytes that are not UTF-8', text: size => '\ufffd'.repeat(size / 3) },
];

function base(): string {
  return JSON.stringify(baseConfig([]), undefined, 1);
}

/** The default config with `text` as the value at `path`. */
function document(path: Path, shape: Shape, text: string): string {
  if (path.length === 0) {
    const others = JSON.stringify(baseConfig([])).slice(1, -1);
    return `{${others},${text.slice(1)}`;
  }
  const root = baseConfig(path) as unknown as Record<string, unknown>;
  let at: Record<string, unknown> = root;
  let inner: Shape = configShape;
  path.slice(0, -1).forEach((token, depth) => {
    inner = below(inner, token);
    const key = String(token);
    const given = at[key];
    if (typeof given !== 'object' || given === null) at[key] = sample(inner, path.slice(0, depth + 1), 0);
    at = at[key] as Record<string, unknown>;
  });
  const last = path.at(-1) as string | number;
  // Other required members of an object remain.
  const needed =
    shape.kind === 'object' ? JSON.stringify(at[String(last)] ?? sample(shape, path, 0)).slice(1, -1) : '';
  at[String(last)] = hole;
  const filled = needed === '' ? text : `{${needed},${text.slice(1)}`;
  return JSON.stringify(root, undefined, 1).replace(JSON.stringify(hole), () => filled);
}

function below(shape: Shape, token: string | number): Shape {
  if (shape.kind === 'list' || shape.kind === 'map') return shape.of;
  if (shape.kind !== 'object') throw new Error(`nothing is in a ${shape.kind}`);
  return shape.properties[token] as Shape;
}

/** An accepted config with the members that the property at `path` requires. */
function baseConfig(path: Path): ReturnType<typeof defaultConfig> {
  const config = defaultConfig();
  const at = path.join('/');
  if (/^linux\/[ug]idMappings/.test(at)) {
    config.linux.namespaces.push({ type: 'user' });
    config.linux.uidMappings = [{ containerID: 0, hostID: 1, size: 65536 }];
    config.linux.gidMappings = [{ containerID: 0, hostID: 1, size: 65536 }];
  }
  if (/^mounts\/0\/[ug]idMappings/.test(at)) {
    const mapping = { containerID: 0, hostID: 1, size: 65536 };
    config.mounts.unshift({
      destination: '/b',
      source: '/tmp',
      options: ['bind'],
      uidMappings: [mapping],
      gidMappings: [mapping],
    });
  }
  if (at.startsWith('linux/timeOffsets')) config.linux.namespaces.push({ type: 'time' });
  if (at.startsWith('process/rlimits')) config.process.rlimits = [];
  return config;
}

function repeat(entry: (index: number) => string, size: number): string {
  const out: string[] = [];
  for (let length = 0, index = 0; length < size; index++) {
    const text = entry(index);
    out.push(text);
    length += text.length + 1;
  }
  return out.join(',');
}

/** A value of the shape that is valid as far as the shape defines. */
function sample(shape: Shape, path: Path, index: number): unknown {
  switch (shape.kind) {
    case 'string':
      return shape.values === undefined ? textAt(path, index) : shape.values[index % shape.values.length];
    case 'integer':
      return integerAt(shape, path, index);
    case 'boolean':
      return index % 2 === 0;
    case 'list':
      return [sample(shape.of, [...path, 0], index)];
    case 'map':
      return { [nameAt(path, index)]: sample(shape.of, [...path, 'x'], index) };
    case 'object':
      return Object.fromEntries(
        Object.entries(shape.properties)
          .filter(([name]) => !isLeftOut([...path, name]))
          .map(([name, inner]) => [name, sample(inner, [...path, name], index)]),
      );
  }
}

/** Members that exclude others. */
function isLeftOut(path: Path): boolean {
  const at = pattern(path);
  return /^mounts\/N\/[ug]idMappings$|^linux\/namespaces\/N\/path$|leafWeight$|seccomp\/syscalls\/N\/(?:errnoRet|args)$/.test(
    at,
  );
}

function pattern(path: Path): string {
  return path.map(token => (typeof token === 'number' ? 'N' : token)).join('/');
}

const capabilities = ['CAP_CHOWN', 'CAP_KILL', 'CAP_SETUID', 'CAP_SETGID', 'CAP_NET_RAW'];
const systemCalls = ['read', 'write', 'open', 'close', 'stat', 'socket', 'ptrace', 'mount', 'bpf', 'clone'];

/** Texts that a check accepts; everything else is `xN`. */
const texts: readonly (readonly [place: RegExp, text: (index: number) => string])[] = [
  [/^ociVersion$/, () => '1.2.0'],
  [/^root\/path$/, () => 'rootfs'],
  [/env\/N$/, index => `NAME${index}=value`],
  [/cwd$|destination$|maskedPaths\/N$|readonlyPaths\/N$|hooks\/\w+\/N\/path$/, index => `/d${index}`],
  [/^mounts\/N\/type$/, () => 'tmpfs'],
  [/^mounts\/N\/options\/N$/, index => `word${index}=1`],
  [/capabilities\/\w+\/N$/, index => capabilities[index % capabilities.length] as string],
  [/rlimits\/N\/type$/, () => 'RLIMIT_NOFILE'],
  [/linux\/devices\/N\/path$/, index => `/dev/d${index}`],
  [/devices\/N\/type$/, index => (index % 2 === 0 ? 'c' : 'b')],
  [/devices\/N\/access$/, index => ['r', 'w', 'm', 'rw', 'rwm'][index % 5] as string],
  [/namespaces\/N\/type$/, () => 'time'],
  [/hugepageLimits\/N\/pageSize$/, index => `${index + 1}MB`],
  [/cpu\/(?:cpus|mems)$/, () => '0'],
  [/syscalls\/N\/names\/N$/, index => systemCalls[index % systemCalls.length] as string],
  [/listenerPath$/, () => ''],
  [/listenerMetadata$/, () => ''],
  [/rootfsPropagation$/, () => 'rslave'],
  [/mode$/, () => 'MPOL_DEFAULT'],
  [/memoryPolicy\/flags\/N$/, () => 'MPOL_F_STATIC_NODES'],
  [/domain$/, () => 'LINUX'],
  [/memBwSchema$/, () => 'MB:0=20'],
  [/l3CacheSchema$/, () => 'L3:0=f'],
];

function textAt(path: Path, index: number): string {
  const at = pattern(path);
  return texts.find(([place]) => place.test(at))?.[1](index) ?? `x${index}`;
}

const names: readonly (readonly [place: RegExp, name: (index: number) => string])[] = [
  [/^linux\/sysctl$/, index => `net.core.s${index}`],
  [/^linux\/resources\/unified$/, index => `memory.f${index}`],
  [/^linux\/timeOffsets$/, index => (index === 0 ? 'boottime' : `clock${index}`)],
];

function nameAt(path: Path, index: number): string {
  const at = pattern(path);
  return names.find(([place]) => place.test(at))?.[1](index) ?? `name${index}`;
}

function integerAt({ min, max }: IntegerShape, path: Path, index: number): number {
  const at = pattern(path);
  if (/Mappings\/N\/size$/.test(at)) return 1;
  if (/seccomp\/.*index$/.test(at)) return index % 6;
  if (/swap$|weight$/.test(at)) return 100;
  if (/linux\/devices\/N\/m(?:ajor|inor)$/.test(at)) return index % 4000;
  const from = Math.max(Number(min), 0);
  return from + (index % Math.min(Number(max) - from + 1, 2 ** 31));
}

function wrongObject({ properties }: ObjectShape, index: number): string {
  const members = Object.keys(properties).map(name => `${JSON.stringify(name)}: [${index}]`);
  return `{${[...members, `"unknown${index}": 1`].join(', ')}}`;
}

/** The word with a different combination of capitals for each index. */
function spelling(word: string, index: number): string {
  return [...word]
    .map((letter, at) => ((index >> at) & 1 ? letter.toUpperCase() : letter.toLowerCase()))
    .join('');
}
