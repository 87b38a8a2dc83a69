// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { type Operation, type Step, vocabulary } from './steps.ts';
import { maxUtf8Length, writeUtf8 } from './utf8.ts';

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
}

const two32 = 0x1_0000_0000;

let knownShapes: Map<Operation, Shape> | undefined;

function shapes(): Map<Operation, Shape> {
  if (knownShapes === undefined) {
    knownShapes = new Map();
    for (const [op, fields] of Object.entries(vocabulary)) {
      const shape = { code: knownShapes.size, names: Object.keys(fields), kinds: Object.values(fields) };
      knownShapes.set(op as Operation, shape);
    }
  }
  return knownShapes;
}

/**
 * One buffer that grows, seen as bytes and as 32-bit words. The words are written in the machine's own order, which
 * is little endian on every machine tsubo runs on.
 */
class Writer {
  bytes: Uint8Array;
  words: Uint32Array;
  /** Where the data ends, always a multiple of 8. */
  end: number;

  constructor(used: number, capacity: number) {
    const buffer = new ArrayBuffer(Math.ceil(capacity / 8) * 8);
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
    this.end = used;
  }

  reserve(more: number): void {
    if (this.end + more <= this.bytes.length) return;
    const grown = new ArrayBuffer(Math.ceil((this.end + more) / 8) * 16);
    const bytes = new Uint8Array(grown);
    bytes.set(this.bytes.subarray(0, this.end));
    this.bytes = bytes;
    this.words = new Uint32Array(grown);
  }

  /** Room for `entries` entries of 8 bytes; returns where. */
  table(entries: number): number {
    this.reserve(entries * 8);
    const at = this.end;
    this.end += entries * 8;
    return at;
  }

  pair(at: number, first: number, second: number): void {
    this.words[at >>> 2] = first;
    this.words[(at >>> 2) + 1] = second;
  }

  text(at: number, value: string, origin: string): void {
    if (value.includes('\0')) {
      throw new RuntimeError({
        code: 'config.nul',
        pointer: origin,
        value,
        message: `${JSON.stringify(value)} contains a NUL, which no system call can take`,
      });
    }
    this.reserve(maxUtf8Length(value.length) + 8);
    const start = this.end;
    const end = writeUtf8(this.bytes, start, value);
    this.pair(at, start, end - start);
    // The NUL and the padding: zeroed already, as nothing is ever written twice.
    this.end = (end + 8) & ~7;
  }

  number(at: number, value: number | bigint, signed: boolean, origin: string): void {
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
}

/**
 * The container part of a plan as the executor reads it.
 *
 * @throws RuntimeError `config.nul` with the step's origin, when a text has a NUL in it
 * @throws RuntimeError `plan.number` for a number that has no 64-bit form, `plan.size` beyond 64 MiB
 */
export function encodePlan(steps: readonly Step[]): Uint8Array {
  const known = shapes();
  let fieldCount = 0;
  for (const step of steps) fieldCount += (known.get(step.op) as Shape).names.length;

  const index = headerBytes;
  const fields = index + steps.length * 8;
  const data = fields + fieldCount * 8;
  const out = new Writer(data, data + fieldCount * 24 + 4096);

  let field = fields;
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i] as Step;
    const shape = known.get(step.op) as Shape;
    out.pair(index + i * 8, shape.code, field);
    for (let j = 0; j < shape.names.length; j++) {
      const value = (step as unknown as Record<string, unknown>)[shape.names[j] as string];
      writeField(out, field, shape.kinds[j] as string, value, step.origin);
      field += 8;
    }
  }
  if (out.end > maxPlanBytes) {
    throw new RuntimeError({
      code: 'plan.size',
      message: `the plan has ${out.end} bytes, more than ${maxPlanBytes}`,
    });
  }
  out.words.set([planMagic, planVersion, out.end, steps.length, index, data, 0, 0]);
  return out.bytes.subarray(0, out.end);
}

function writeField(out: Writer, at: number, kind: string, value: unknown, origin: string): void {
  switch (kind) {
    case 'text':
      out.text(at, value as string, origin);
      return;
    case 'texts': {
      const list = value as readonly string[];
      const table = out.table(list.length);
      out.pair(at, table, list.length);
      for (let i = 0; i < list.length; i++) out.text(table + i * 8, list[i] as string, origin);
      return;
    }
    case 'numbers': {
      const list = value as readonly (number | bigint)[];
      const table = out.table(list.length);
      out.pair(at, table, list.length);
      for (let i = 0; i < list.length; i++) out.number(table + i * 8, list[i] as number, false, origin);
      return;
    }
    default:
      out.number(at, value as number | bigint, kind === 'signed', origin);
  }
}
