// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { utf8, utf8Length } from '../host/utf8.ts';
import { maxPlanBytes } from '../plan/plan.ts';
import { type Operation, type Step, vocabulary } from './steps.ts';

/** The binary form of a plan; native/wire/plan.h has the same definitions. README.md describes the layout. */
export const planMagic = 0x4f425354; // "TSBO"
export const planVersion = 1;
export const headerBytes = 32;

/** The binary layout of an operation. */
interface Shape {
  readonly code: number;
  readonly names: readonly string[];
  readonly kinds: readonly string[];
  /** Names of the fields that are lists. */
  readonly lists: readonly string[];
}

const two32 = 0x1_0000_0000;

const codes = new Map(Object.keys(vocabulary).map((op, code) => [op, code]));

const shapes = new Map<Operation, Shape>();

/** Created on demand, because a plan contains only some of the operations. */
function makeShape(op: Operation): Shape {
  const fields = vocabulary[op];
  const names = Object.keys(fields);
  const kinds: string[] = Object.values(fields);
  const lists = names.filter((_, i) => kinds[i] === 'texts' || kinds[i] === 'numbers');
  const shape = { code: codes.get(op) as number, names, kinds, lists };
  shapes.set(op, shape);
  return shape;
}

/** Encodes text as UTF-8; each host has a faster implementation than one in TypeScript. */
export type ToUtf8 = (text: string) => Uint8Array;

/**
 * Writes the words of a plan, whose number is known in advance, and collects the texts that follow them: all texts
 * are encoded together. The words are in native byte order, which is little endian on every supported machine.
 * Positions are indices of words; offsets in the output are in bytes.
 */
class Writer {
  readonly words: Uint32Array;
  readonly #ascii: boolean;
  readonly #texts: string[] = [];
  /** Index of the next list. */
  #lists: number;
  /** Byte offset of the next text. */
  #end: number;

  /** @param ascii - assume one byte per character; `finish` detects if that is wrong */
  constructor(lists: number, end: number, ascii: boolean) {
    this.words = new Uint32Array(end);
    this.#ascii = ascii;
    this.#lists = lists;
    this.#end = end * 4;
  }

  /** Reserves space for a list whose entry is at `at`, and returns its index. */
  list(at: number, entries: number): number {
    const list = this.#lists;
    this.#lists += entries * 2;
    this.pair(at, list * 4, entries);
    return list;
  }

  pair(at: number, first: number, second: number): void {
    this.words[at] = first;
    this.words[at + 1] = second;
  }

  text(at: number, value: string): void {
    const { words } = this;
    const length = this.#ascii ? value.length : utf8Length(value);
    words[at] = this.#end;
    words[at + 1] = length;
    // A NUL ends each text and separates it from the next.
    this.#end += length + 1;
    this.#texts.push(value);
  }

  number(at: number, value: number | bigint, signed: boolean, origin: string): void {
    const low = signed ? -0x8000_0000_0000_0000n : 0n;
    const high = signed ? 0x7fff_ffff_ffff_ffffn : 0xffff_ffff_ffff_ffffn;
    if (typeof value === 'number' && Number.isSafeInteger(value) && (value >= 0 || signed)) {
      // >>> 0 is modulo 2^32; together with the floor of the quotient, this is two's complement.
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

  /** Returns the whole plan; undefined if the texts are not ASCII although that was assumed. */
  finish(toUtf8: ToUtf8): Uint8Array | undefined {
    if (this.#texts.join('').includes('\0')) throw new NulError();
    const joined = this.#texts.length === 0 ? '' : `${this.#texts.join('\0')}\0`;
    const bytes = toUtf8(joined);
    if (this.#ascii && bytes.length !== joined.length) return undefined;
    const total = (this.#end + 7) & ~7;
    checkSize(total);
    this.words[2] = total;
    const plan = new Uint8Array(total);
    plan.set(new Uint8Array(this.words.buffer));
    plan.set(bytes, this.words.length * 4);
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
 * Encodes the container part of a plan for the executor.
 *
 * @throws RuntimeError `config.nul` with the step's origin if a text contains a NUL
 * @throws RuntimeError `plan.number` for a number without a 64-bit form, `plan.size` above 64 MiB
 */
export function encodePlan(steps: readonly Step[], toUtf8: ToUtf8 = utf8): Uint8Array {
  try {
    const plan = write(steps, true).finish(toUtf8) ?? write(steps, false).finish(toUtf8);
    return plan as Uint8Array;
  } catch (error) {
    throw error instanceof NulError ? nulIn(steps) : error;
  }
}

/** Uses counted loops, because iterators would cost more than the rest of the function. */
function write(steps: readonly Step[], ascii: boolean): Writer {
  const known: Shape[] = [];
  let fieldCount = 0;
  let entryCount = 0;
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i] as Step;
    const shape = shapes.get(step.op) ?? makeShape(step.op);
    known.push(shape);
    fieldCount += shape.names.length;
    for (let j = 0; j < shape.lists.length; j++) {
      const list = (step as unknown as Record<string, unknown>)[shape.lists[j] as string];
      entryCount += (list as readonly unknown[]).length;
    }
  }

  const index = headerBytes / 4;
  const fields = index + steps.length * 2;
  const data = fields + fieldCount * 2;
  const end = data + entryCount * 2;
  checkSize(end * 4);
  const out = new Writer(data, end, ascii);
  const { words } = out;
  words.set([planMagic, planVersion, 0, steps.length, index * 4, data * 4, 0, 0]);

  let field = fields;
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i] as Step;
    const { code, names, kinds } = known[i] as Shape;
    words[index + i * 2] = code;
    words[index + i * 2 + 1] = field * 4;
    for (let j = 0; j < names.length; j++) {
      const value = (step as unknown as Record<string, unknown>)[names[j] as string];
      // Fast path: almost all fields are of these two kinds.
      if (typeof value === 'string') out.text(field, value);
      else if (typeof value === 'number' && value >>> 0 === value) words[field] = value;
      else writeField(out, field, kinds[j] as string, value, step.origin);
      field += 2;
    }
  }
  return out;
}

/** A text contains a NUL; only this error starts the search for it. */
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
    case 'texts': {
      const list = value as readonly string[];
      const entries = out.list(at, list.length);
      for (let i = 0; i < list.length; i++) out.text(entries + i * 2, list[i] as string);
      return;
    }
    case 'numbers': {
      const list = value as readonly (number | bigint)[] | BigUint64Array;
      const entries = out.list(at, list.length);
      if (list instanceof BigUint64Array) {
        out.words.set(new Uint32Array(list.buffer, list.byteOffset, list.length * 2), entries);
        return;
      }
      for (let i = 0; i < list.length; i++) out.number(entries + i * 2, list[i] as number, false, origin);
      return;
    }
    default:
      out.number(at, value as number | bigint, kind === 'signed', origin);
  }
}
