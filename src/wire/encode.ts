// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { type Operation, type Step, vocabulary } from './steps.ts';
import { utf8, utf8Length } from './utf8.ts';

/**
 * The plan's binary form: the twin of native/wire/plan.h. README.md draws it.
 */
export const planMagic = 0x4f425354; // "TSBO"
export const planVersion = 1;
export const headerBytes = 32;
/** What the executor takes at most. */
export const maxPlanBytes = 64 * 1024 * 1024;

/** How an operation lies on the wire. */
interface Shape {
  readonly code: number;
  readonly names: readonly string[];
  readonly kinds: readonly string[];
  /** The fields that are lists. */
  readonly lists: readonly string[];
}

const two32 = 0x1_0000_0000;

const codes = new Map(Object.keys(vocabulary).map((op, code) => [op, code]));

const shapes = new Map<Operation, Shape>();

/** Made when it is asked for: a plan has some of the operations, never all. */
function shapeOf(op: Operation): Shape {
  const known = shapes.get(op);
  if (known !== undefined) return known;
  const fields = vocabulary[op];
  const names = Object.keys(fields);
  const kinds: string[] = Object.values(fields);
  const lists = names.filter((_, i) => kinds[i] === 'texts' || kinds[i] === 'numbers');
  const shape = { code: codes.get(op) as number, names, kinds, lists };
  shapes.set(op, shape);
  return shape;
}

/** Text to UTF-8; each host has a faster one than can be written here. */
export type ToUtf8 = (text: string) => Uint8Array;

/**
 * The words of the plan, of a size that is known from the start, and its texts, which all come behind them: they are
 * turned into bytes together. The words are written in the machine's own order, which is little endian on every
 * machine tsubo runs on.
 */
class Writer {
  readonly words: Uint32Array;
  readonly #texts: string[] = [];
  /** Index in `words` of the entry of each text. */
  readonly #entries: number[] = [];
  /** Where the next list begins, in bytes. */
  #lists: number;

  constructor(lists: number, end: number) {
    this.words = new Uint32Array(end >>> 2);
    this.#lists = lists;
  }

  /** Room for a list; returns where. */
  list(entries: number): number {
    const at = this.#lists;
    this.#lists += entries * 8;
    return at;
  }

  pair(at: number, first: number, second: number): void {
    this.words[at >>> 2] = first;
    this.words[(at >>> 2) + 1] = second;
  }

  text(at: number, value: string): void {
    this.#texts.push(value);
    this.#entries.push(at >>> 2);
  }

  number(at: number, value: number | bigint, signed: boolean, origin: string): void {
    if (typeof value === 'number' && value >>> 0 === value) {
      // Nearly all of them.
      this.words[at >>> 2] = value;
      return;
    }
    const low = signed ? -0x8000_0000_0000_0000n : 0n;
    const high = signed ? 0x7fff_ffff_ffff_ffffn : 0xffff_ffff_ffff_ffffn;
    if (typeof value === 'number' && Number.isSafeInteger(value) && (value >= 0 || signed)) {
      // >>> 0 is modulo 2^32: with the floor of the quotient this is two's complement.
      this.pair(at, value >>> 0, Math.floor(value / two32) >>> 0);
    } else if (typeof value === 'bigint' && value >= low && value <= high) {
      const bits = BigInt.asUintN(64, value);
      this.pair(at, Number(bits & 0xffff_ffffn), Number(bits >> 32n));
    } else {
      throw new RuntimeError({
        code: 'plan.number',
        pointer: origin,
        value: String(value),
        message: `${value} is not ${signed ? 'a signed' : 'an unsigned'} 64-bit integer`,
      });
    }
  }

  /** The whole plan. */
  finish(toUtf8: ToUtf8): Uint8Array {
    // A NUL after each, which is also what keeps them apart.
    const joined = this.#texts.length === 0 ? '' : `${this.#texts.join('\0')}\0`;
    if (joined.split('\0').length !== this.#texts.length + 1) throw new NulError();
    const bytes = toUtf8(joined);
    const start = this.words.length * 4;
    const total = (start + bytes.length + 7) & ~7;
    checkSize(total);
    // With nothing but ASCII, places in the text are places in the bytes.
    const ascii = bytes.length === joined.length;
    let at = start;
    for (let i = 0; i < this.#texts.length; i++) {
      const text = this.#texts[i] as string;
      const length = ascii ? text.length : utf8Length(text);
      const entry = this.#entries[i] as number;
      this.words[entry] = at;
      this.words[entry + 1] = length;
      at += length + 1;
    }
    this.words[2] = total;
    const plan = new Uint8Array(total);
    plan.set(new Uint8Array(this.words.buffer));
    plan.set(bytes, start);
    return plan;
  }
}

function checkSize(bytes: number): void {
  if (bytes <= maxPlanBytes) return;
  throw new RuntimeError({
    code: 'plan.size',
    message: `the plan has ${bytes} bytes, more than ${maxPlanBytes}`,
  });
}

/**
 * The container part of a plan as the executor reads it.
 *
 * @throws RuntimeError `config.nul` with the step's origin, when a text has a NUL in it
 * @throws RuntimeError `plan.number` for a number that has no 64-bit form, `plan.size` beyond 64 MiB
 */
export function encodePlan(steps: readonly Step[], toUtf8: ToUtf8 = utf8): Uint8Array {
  let fieldCount = 0;
  let entryCount = 0;
  for (const step of steps) {
    const shape = shapeOf(step.op);
    fieldCount += shape.names.length;
    // Most have none: an iterator for each would cost more than the rest of this loop.
    if (shape.lists.length === 0) continue;
    for (const list of shape.lists) {
      entryCount += ((step as unknown as Record<string, unknown>)[list] as readonly unknown[]).length;
    }
  }

  const index = headerBytes;
  const fields = index + steps.length * 8;
  const data = fields + fieldCount * 8;
  const end = data + entryCount * 8;
  checkSize(end);
  const out = new Writer(data, end);
  out.words.set([planMagic, planVersion, 0, steps.length, index, data, 0, 0]);

  let field = fields;
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i] as Step;
    const shape = shapeOf(step.op);
    out.pair(index + i * 8, shape.code, field);
    for (let j = 0; j < shape.names.length; j++) {
      const value = (step as unknown as Record<string, unknown>)[shape.names[j] as string];
      writeField(out, field, shape.kinds[j] as string, value, step.origin);
      field += 8;
    }
  }
  try {
    return out.finish(toUtf8);
  } catch (error) {
    throw error instanceof NulError ? nulIn(steps) : error;
  }
}

/** A text has a NUL in it; which one is looked for only then. */
class NulError extends Error {}

function nulIn(steps: readonly Step[]): RuntimeError {
  for (const step of steps) {
    for (const value of Object.values(step).flat()) {
      if (typeof value !== 'string' || !value.includes('\0')) continue;
      return new RuntimeError({
        code: 'config.nul',
        pointer: step.origin,
        value,
        message: `${JSON.stringify(value)} contains a NUL, which no system call can take`,
      });
    }
  }
  return new RuntimeError({ code: 'internal', message: 'a text of the plan contains a NUL' });
}

function writeField(out: Writer, at: number, kind: string, value: unknown, origin: string): void {
  switch (kind) {
    case 'text':
      out.text(at, value as string);
      return;
    case 'texts': {
      const list = value as readonly string[];
      const entries = out.list(list.length);
      out.pair(at, entries, list.length);
      for (let i = 0; i < list.length; i++) out.text(entries + i * 8, list[i] as string);
      return;
    }
    case 'numbers': {
      const list = value as readonly (number | bigint)[] | BigUint64Array;
      const entries = out.list(list.length);
      out.pair(at, entries, list.length);
      if (list instanceof BigUint64Array) {
        out.words.set(new Uint32Array(list.buffer, list.byteOffset, list.length * 2), entries >>> 2);
        return;
      }
      for (let i = 0; i < list.length; i++) out.number(entries + i * 8, list[i] as number, false, origin);
      return;
    }
    default:
      out.number(at, value as number | bigint, kind === 'signed', origin);
  }
}
