// SPDX-License-Identifier: Apache-2.0
import { BPF } from '../kernel/bpf.ts';
import type { Ranges } from './ranges.ts';
import type { Condition, Decision, Rule } from './rules.ts';

/** Opcodes; each includes the operation and the source of its operand. */
export const bpf = {
  load: BPF.BPF_LD | BPF.BPF_W | BPF.BPF_ABS,
  and: BPF.BPF_ALU | BPF.BPF_AND | BPF.BPF_K,
  jump: BPF.BPF_JMP | BPF.BPF_JA,
  ifEqual: BPF.BPF_JMP | BPF.BPF_JEQ | BPF.BPF_K,
  ifGreater: BPF.BPF_JMP | BPF.BPF_JGT | BPF.BPF_K,
  ifAtLeast: BPF.BPF_JMP | BPF.BPF_JGE | BPF.BPF_K,
  give: BPF.BPF_RET | BPF.BPF_K,
};
/** Maximum offset of a conditional jump. */
const reach = 255;
/** Offsets in struct seccomp_data: the number, the architecture, the arguments (halves in little endian order). */
export const data = { number: 0, architecture: 4, argument: (index: number) => 16 + 8 * index };

/** Initial capacity in instructions; longer programs get more. */
const usualLength = 1024;

/** A program under construction. Places are counted from its end. */
export interface Assembler {
  /** Returns a place that returns the verdict, within reach of a jump from here. */
  give(verdict: number): number;
  load(offset: number): number;
  /** Loads a word, then continues at `next`, at any distance. */
  loadThen(offset: number, next: number): number;
  branch(code: number, operand: number, yes: number, no: number): number;
  /**
   * Emits a balanced search tree over ranges. The accumulator contains the call's number, which is not below the
   * first range.
   */
  search(ranges: Ranges, narrow: boolean): number;
  /** Number of instructions so far. */
  length(): number;
  /**
   * Returns the instructions in execution order, as pairs of words: struct sock_filter on a little endian machine.
   * The entry point is the instruction that was emitted last.
   */
  finish(): Uint32Array;
}

/**
 * Assembles a program from its end: jumps only go forward, therefore their targets are known when they are emitted. It
 * consists of functions over local variables instead of a class, because a member lookup in the smallest engine costs
 * more than the rest of a line here.
 *
 * @param list - decisions by number; 0 is the default
 */
export function assemble(list: readonly Decision[]): Assembler {
  let room = usualLength;
  /** Filled from its end. */
  let words = new Uint32Array(2 * room);
  let length = 0;
  /** Places of return instructions, by verdict. */
  const returns = new Map<number, number>();
  const fallback = list[0] as number;

  function push(code: number, operand: number): number {
    if (length === room) grow();
    const at = 2 * (room - 1 - length);
    words[at] = code;
    words[at + 1] = operand;
    return length++;
  }

  function grow(): void {
    const before = words;
    words = new Uint32Array(4 * room);
    words.set(before, 2 * room);
    room *= 2;
  }

  function give(verdict: number): number {
    const known = returns.get(verdict);
    // Leaves space for the few instructions that may precede the jump.
    if (known !== undefined && length - known < reach - 16) return known;
    const place = push(bpf.give, verdict);
    returns.set(verdict, place);
    return place;
  }

  function load(offset: number): number {
    return push(bpf.load, offset);
  }

  function loadThen(offset: number, next: number): number {
    if (next !== length - 1) push(bpf.jump, length - 1 - next);
    return load(offset);
  }

  function branch(code: number, operand: number, yes: number, no: number): number {
    const near = length - 1 - yes;
    const far = length - 1 - no;
    if (near > reach || far > reach) return distant(code, operand, yes, no);
    return push(code | (near << 16) | (far << 24), operand);
  }

  function distant(code: number, operand: number, yes: number, no: number): number {
    const first = lead(yes, 1);
    const far = lead(no, 0);
    const near = lead(first, 0);
    return push(code | ((length - 1 - near) << 16) | ((length - 1 - far) << 24), operand);
  }

  /** Returns the place, or a closer one that jumps to it. Up to `more` instructions may follow before the jump. */
  function lead(place: number, more: number): number {
    if (length - 1 - place + more <= reach) return place;
    const at = 2 * (room - 1 - place);
    if (words[at] === bpf.give) return push(bpf.give, words[at + 1] as number);
    return push(bpf.jump, length - 1 - place);
  }

  function search({ starts, decisions }: Ranges, narrow: boolean): number {
    const half = (from: number, to: number): number => {
      if (to - from === 1) {
        const decision = list[decisions[from] as number] as Decision;
        return typeof decision === 'number' ? give(decision) : decide(decision, narrow);
      }
      const middle = (from + to) >>> 1;
      const upper = half(middle, to);
      const lower = half(from, middle);
      return branch(bpf.ifAtLeast, starts[middle] as number, upper, lower);
    };
    return half(0, starts.length);
  }

  function decide(rules: readonly Rule[], narrow: boolean): number {
    let next = give(fallback);
    for (let i = rules.length - 1; i >= 0; i--) {
      const { conditions, verdict } = rules[i] as Rule;
      let holds = give(verdict);
      for (let j = conditions.length - 1; j >= 0; j--) {
        holds = test(conditions[j] as Condition, narrow, holds, next);
      }
      next = holds;
    }
    return next;
  }

  function test(condition: Condition, narrow: boolean, holds: number, fails: number): number {
    const { index, op, low, high, maskLow, maskHigh } = condition;
    const at = data.argument(index);
    const inverted = op === 'SCMP_CMP_NE' || op === 'SCMP_CMP_LT' || op === 'SCMP_CMP_LE';
    const yes = inverted ? fails : holds;
    const no = inverted ? holds : fails;
    if (op === 'SCMP_CMP_EQ' || op === 'SCMP_CMP_NE' || op === 'SCMP_CMP_MASKED_EQ') {
      const rest = equal(at, low, maskLow, yes, no);
      return narrow ? rest : equal(at + 4, high, maskHigh, rest, no);
    }
    const code = op === 'SCMP_CMP_GT' || op === 'SCMP_CMP_LE' ? bpf.ifGreater : bpf.ifAtLeast;
    branch(code, low, yes, no);
    const rest = load(at);
    if (narrow) return rest;
    const same = branch(bpf.ifEqual, high, rest, no);
    branch(bpf.ifGreater, high, yes, same);
    return load(at + 4);
  }

  function equal(at: number, value: number, mask: number, yes: number, no: number): number {
    if (mask === 0) return yes;
    branch(bpf.ifEqual, value, yes, no);
    if (mask !== 0xffff_ffff) push(bpf.and, mask);
    return load(at);
  }

  return {
    give,
    load,
    loadThen,
    branch,
    search,
    length: () => length,
    finish: () => words.slice(2 * (room - length)),
  };
}
