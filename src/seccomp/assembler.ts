// SPDX-License-Identifier: Apache-2.0
import type { Condition, Decision, Rule } from './rules.ts';

/** Codes of linux/filter.h and linux/bpf_common.h. */
export const bpf = {
  load: 0x20,
  and: 0x54,
  jump: 0x05,
  ifEqual: 0x15,
  ifGreater: 0x25,
  ifAtLeast: 0x35,
  give: 0x06,
};
/** How far a conditional jump reaches. */
const reach = 255;
/** Offsets in struct seccomp_data: the number, the architecture, the arguments (little endian halves). */
export const data = { number: 0, architecture: 4, argument: (index: number) => 16 + 8 * index };

/** From `start` up to the next range all calls have one decision. */
export interface Range {
  readonly start: number;
  readonly decision: Decision;
}

/**
 * Writes a program from its end: jumps only go forward, so their targets are known when they are written. A place is
 * counted from the end.
 */
export class Assembler {
  private readonly codes: number[] = [];
  private readonly operands: number[] = [];
  private readonly returns = new Map<number, number>();

  get length(): number {
    return this.codes.length;
  }

  private push(code: number, operand: number): number {
    this.codes.push(code);
    this.operands.push(operand >>> 0);
    return this.codes.length - 1;
  }

  /** A place that returns the verdict, near enough for a jump from here. */
  give(verdict: number): number {
    const known = this.returns.get(verdict);
    // Room for the few instructions that may come before the jump.
    if (known !== undefined && this.codes.length - known < reach - 16) return known;
    const place = this.push(bpf.give, verdict);
    this.returns.set(verdict, place);
    return place;
  }

  load(offset: number): number {
    return this.push(bpf.load, offset);
  }

  /** Loads a word, then goes on at `next`, wherever that is. */
  loadThen(offset: number, next: number): number {
    if (next !== this.codes.length - 1) this.push(bpf.jump, this.codes.length - 1 - next);
    return this.load(offset);
  }

  branch(code: number, operand: number, yes: number, no: number): number {
    let near = this.near(yes, 1);
    const far = this.near(no, 0);
    near = this.near(near, 0);
    const next = this.codes.length - 1;
    return this.push(code | ((next - near) << 16) | ((next - far) << 24), operand);
  }

  /** The place itself, or one that leads there. `more` may be put between here and the jump. */
  private near(place: number, more: number): number {
    if (this.codes.length - 1 - place + more <= reach) return place;
    if (this.codes[place] === bpf.give) return this.push(bpf.give, this.operands[place] as number);
    return this.push(bpf.jump, this.codes.length - 1 - place);
  }

  /** A balanced tree over ranges, the first of which starts at 0. The number is in the accumulator. */
  search(ranges: readonly Range[], from: number, to: number, fallback: number, narrow: boolean): number {
    if (to - from === 1) return this.decide((ranges[from] as Range).decision, fallback, narrow);
    const middle = (from + to) >>> 1;
    const upper = this.search(ranges, middle, to, fallback, narrow);
    const lower = this.search(ranges, from, middle, fallback, narrow);
    return this.branch(bpf.ifAtLeast, (ranges[middle] as Range).start, upper, lower);
  }

  private decide(decision: Decision, fallback: number, narrow: boolean): number {
    if (typeof decision === 'number') return this.give(decision);
    let next = this.give(fallback);
    for (let i = decision.length - 1; i >= 0; i--) {
      const { conditions, verdict } = decision[i] as Rule;
      let holds = this.give(verdict);
      for (let j = conditions.length - 1; j >= 0; j--) {
        holds = this.test(conditions[j] as Condition, narrow, holds, next);
      }
      next = holds;
    }
    return next;
  }

  private test(condition: Condition, narrow: boolean, holds: number, fails: number): number {
    const { index, op, low, high, maskLow, maskHigh } = condition;
    const at = data.argument(index);
    const inverted = op === 'SCMP_CMP_NE' || op === 'SCMP_CMP_LT' || op === 'SCMP_CMP_LE';
    const yes = inverted ? fails : holds;
    const no = inverted ? holds : fails;
    if (op === 'SCMP_CMP_EQ' || op === 'SCMP_CMP_NE' || op === 'SCMP_CMP_MASKED_EQ') {
      const rest = this.equal(at, low, maskLow, yes, no);
      return narrow ? rest : this.equal(at + 4, high, maskHigh, rest, no);
    }
    const code = op === 'SCMP_CMP_GT' || op === 'SCMP_CMP_LE' ? bpf.ifGreater : bpf.ifAtLeast;
    this.branch(code, low, yes, no);
    const rest = this.load(at);
    if (narrow) return rest;
    const same = this.branch(bpf.ifEqual, high, rest, no);
    this.branch(bpf.ifGreater, high, yes, same);
    return this.load(at + 4);
  }

  private equal(at: number, value: number, mask: number, yes: number, no: number): number {
    if (mask === 0) return yes;
    this.branch(bpf.ifEqual, value, yes, no);
    if (mask !== 0xffff_ffff) this.push(bpf.and, mask);
    return this.load(at);
  }

  /** In running order, as pairs of words: struct sock_filter on a little endian machine. The entry is the newest. */
  finish(): Uint32Array {
    const count = this.codes.length;
    const words = new Uint32Array(count * 2);
    for (let i = 0; i < count; i++) {
      words[2 * i] = this.codes[count - 1 - i] as number;
      words[2 * i + 1] = this.operands[count - 1 - i] as number;
    }
    return words;
  }
}
