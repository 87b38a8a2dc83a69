// SPDX-License-Identifier: Apache-2.0
import type { Ranges } from './ranges.ts';
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

/** Words of a program of the usual size; a longer one gets more. */
const usualWords = 2048;

/**
 * Writes a program from its end: jumps only go forward, so their targets are known when they are written. A place is
 * counted from the end.
 */
export class Assembler {
  /** Filled from its end. */
  private words = new Uint32Array(usualWords);
  private free = usualWords;
  /** Places of returns, by their verdict. */
  private readonly returns = new Map<number, number>();
  /** By their numbers. */
  private readonly decisions: readonly Decision[];
  private readonly fallback: number;

  /** @param decisions - by their numbers, 0 the default */
  constructor(decisions: readonly Decision[]) {
    this.decisions = decisions;
    this.fallback = decisions[0] as number;
  }

  get length(): number {
    return (this.words.length - this.free) >>> 1;
  }

  private push(code: number, operand: number): number {
    if (this.free === 0) this.grow();
    this.free -= 2;
    this.words[this.free] = code;
    this.words[this.free + 1] = operand;
    return ((this.words.length - this.free) >>> 1) - 1;
  }

  private grow(): void {
    const { words } = this;
    this.words = new Uint32Array(2 * words.length);
    this.words.set(words, words.length);
    this.free = words.length;
  }

  /** The first and the second word of the instruction at a place. */
  private code(place: number): number {
    return this.words[this.words.length - 2 * place - 2] as number;
  }

  private operand(place: number): number {
    return this.words[this.words.length - 2 * place - 1] as number;
  }

  /** A place that returns the verdict, near enough for a jump from here. */
  give(verdict: number): number {
    const known = this.returns.get(verdict);
    // Room for the few instructions that may come before the jump.
    if (known !== undefined && this.length - known < reach - 16) return known;
    const place = this.push(bpf.give, verdict);
    this.returns.set(verdict, place);
    return place;
  }

  load(offset: number): number {
    return this.push(bpf.load, offset);
  }

  /** Loads a word, then goes on at `next`, wherever that is. */
  loadThen(offset: number, next: number): number {
    if (next !== this.length - 1) this.push(bpf.jump, this.length - 1 - next);
    return this.load(offset);
  }

  branch(code: number, operand: number, yes: number, no: number): number {
    let next = this.length - 1;
    let near = yes;
    let far = no;
    if (next - yes > reach || next - no > reach) {
      near = this.near(yes, 1);
      far = this.near(no, 0);
      near = this.near(near, 0);
      next = this.length - 1;
    }
    return this.push(code | ((next - near) << 16) | ((next - far) << 24), operand);
  }

  /** The place itself, or one that leads there. `more` may be put between here and the jump. */
  private near(place: number, more: number): number {
    if (this.length - 1 - place + more <= reach) return place;
    if (this.code(place) === bpf.give) return this.push(bpf.give, this.operand(place));
    return this.push(bpf.jump, this.length - 1 - place);
  }

  /** A balanced tree over ranges. The number of the call is in the accumulator, and not below the first range. */
  search(ranges: Ranges, narrow: boolean, from: number = 0, to: number = ranges.starts.length): number {
    if (to - from === 1) return this.decide(ranges.decisions[from] as number, narrow);
    const middle = (from + to) >>> 1;
    const upper = this.search(ranges, narrow, middle, to);
    const lower = this.search(ranges, narrow, from, middle);
    return this.branch(bpf.ifAtLeast, ranges.starts[middle] as number, upper, lower);
  }

  private decide(number: number, narrow: boolean): number {
    const decision = this.decisions[number] as Decision;
    if (typeof decision === 'number') return this.give(decision);
    let next = this.give(this.fallback);
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
    return this.words.slice(this.free);
  }
}
