// SPDX-License-Identifier: Apache-2.0
import { type DeviceRule, wholeAccess } from './rules.ts';

/** Opcodes of linux/bpf.h, the operation and the form of its operand together. */
export const bpf = {
  loadWord: 0x61, // dst = *(u32 *)(src + offset)
  move: 0xb7, // dst = immediate
  moveRegister: 0xbf,
  shiftRight: 0x77,
  and: 0x57,
  jump: 0x05,
  /** The jumps compare 32 bits: a number of a device has no sign. */
  jumpEqual: 0x16,
  jumpNotEqual: 0x56,
  jumpAnySet: 0x46,
  exit: 0x95,
} as const;

/** BPF_DEVCG_DEV_* */
const types = [
  ['b', 1],
  ['c', 2],
] as const;

/** struct bpf_cgroup_dev_ctx: the access in the upper half of the first word, the type in the lower. */
const offsets = { accessType: 0, major: 4, minor: 8 } as const;

/** `wanted` holds the bits that no rule has allowed so far. */
const register = { verdict: 0, context: 1, type: 2, wanted: 3, major: 4, minor: 5 } as const;

/** Two words an instruction. */
type Code = number[];

function emit(code: Code, opcode: number, to: number, from: number, offset: number, immediate: number): void {
  code.push(opcode | (to << 8) | (from << 12) | (offset << 16), immediate);
}

/**
 * The rules as a program of type BPF_PROG_TYPE_CGROUP_DEVICE, each instruction 8 bytes as in little endian memory. It
 * goes from the last rule to the first. A rule that allows takes its bits from those that are wanted, and when none is
 * left all of them are allowed; a rule that denies ends it when it denies one that is still wanted.
 *
 * The kernel's verifier follows every jump both ways, and the container waits for it: rules in a row that decide the
 * same share their tests and their decision.
 */
export function deviceProgram(rules: readonly DeviceRule[]): Uint8Array {
  const code: Code = [];
  emit(code, bpf.loadWord, register.type, register.context, offsets.accessType, 0);
  emit(code, bpf.moveRegister, register.wanted, register.type, 0, 0);
  emit(code, bpf.shiftRight, register.wanted, 0, 0, 16);
  emit(code, bpf.and, register.type, 0, 0, 0xffff);
  emit(code, bpf.loadWord, register.major, register.context, offsets.major, 0);
  emit(code, bpf.loadWord, register.minor, register.context, offsets.minor, 0);
  // access(2) with F_OK asks for nothing
  emit(code, bpf.jumpNotEqual, register.wanted, 0, verdictLength, 0);
  emitVerdict(code, 1);
  for (const run of runs(rules)) {
    const [first] = run;
    const tests = testsOf(run);
    const decision = decide(first);
    emitTests(code, tests, decision.length / 2);
    code.push(...decision);
    // What cannot be reached is refused by the kernel's verifier.
    if (tests.length === 0 && first.access === wholeAccess) return bytesOf(code);
  }
  emitVerdict(code, 0);
  return bytesOf(code);
}

/** Jumps reach 32,767 instructions far; a run takes up to four for each rule. */
const longestRun = 1000;

type Run = readonly [DeviceRule, ...DeviceRule[]];

/** Rules in a row that decide the same, the last ones first: their own order says nothing. */
function* runs(rules: readonly DeviceRule[]): Generator<Run> {
  let run: [DeviceRule, ...DeviceRule[]] | undefined;
  for (let i = rules.length - 1; i >= 0; i--) {
    const rule = rules[i] as DeviceRule;
    const [first] = run ?? [];
    if (run !== undefined && alike(first, rule) && run.length < longestRun) {
      run.push(rule);
      continue;
    }
    if (run !== undefined) yield run;
    run = [rule];
  }
  if (run !== undefined) yield run;
}

function alike(one: DeviceRule | undefined, other: DeviceRule): boolean {
  return one?.allow === other.allow && one.access === other.access;
}

/** A jump to the decision, past it, or over some tests. */
type Test = readonly [opcode: number, of: number, value: number, to: 'decision' | 'past' | number];

/** What leads to the decision when one of the rules speaks of the device. None: every device does. */
function testsOf(run: Run): Test[] {
  const ofType = byType(run);
  const all = ofType.get('a');
  const tests = all === undefined ? [] : numberTests(all);
  if (all !== undefined && tests.length === 0) return [];
  for (const [type, number] of types) {
    const rules = ofType.get(type);
    if (rules === undefined) continue;
    const inside = numberTests(rules);
    if (inside.length === 0) tests.push([bpf.jumpEqual, register.type, number, 'decision']);
    else tests.push([bpf.jumpNotEqual, register.type, number, inside.length], ...inside);
  }
  return [...tests, [bpf.jump, 0, 0, 'past']];
}

/** What two rules say of both types, one says of all. */
function byType(run: Run): Map<DeviceRule['type'], readonly DeviceRule[]> {
  const [{ type: only }] = run;
  if (run.every(({ type }) => type === only)) return new Map([[only, run]]);
  const ofNumbers = new Map<string, DeviceRule>();
  for (const rule of run) {
    const numbers = `${rule.major}:${rule.minor}`;
    const other = ofNumbers.get(numbers);
    ofNumbers.set(numbers, other === undefined || other.type === rule.type ? rule : { ...rule, type: 'a' });
  }
  const ofType = new Map<DeviceRule['type'], DeviceRule[]>();
  for (const rule of ofNumbers.values()) {
    const same = ofType.get(rule.type);
    if (same === undefined) ofType.set(rule.type, [rule]);
    else same.push(rule);
  }
  return ofType;
}

/** None when one of the rules speaks of every number. */
function numberTests(rules: readonly DeviceRule[]): Test[] {
  const tests: Test[] = [];
  const minors = new Map<number, Test[]>();
  const whole = new Set<number>();
  for (const { major, minor } of rules) {
    if (major === undefined && minor === undefined) return [];
    if (minor === undefined) {
      if (major !== undefined) whole.add(major);
      continue;
    }
    const test: Test = [bpf.jumpEqual, register.minor, minor, 'decision'];
    const ofMajor = major === undefined ? tests : minors.get(major);
    if (ofMajor !== undefined) ofMajor.push(test);
    else if (major !== undefined) minors.set(major, [test]);
  }
  for (const major of whole) tests.push([bpf.jumpEqual, register.major, major, 'decision']);
  for (const [major, ofMajor] of minors) {
    if (whole.has(major)) continue;
    tests.push([bpf.jumpNotEqual, register.major, major, ofMajor.length], ...ofMajor);
  }
  return tests;
}

function emitTests(code: Code, tests: readonly Test[], decision: number): void {
  // A jump counts from the instruction after it.
  let left = tests.length;
  for (const [opcode, of, value, to] of tests) {
    left -= 1;
    emit(code, opcode, of, 0, typeof to === 'number' ? to : to === 'past' ? left + decision : left, value);
  }
}

const verdictLength = 2;

/** Something is wanted whenever a rule is reached. */
function decide({ allow, access }: DeviceRule): Code {
  const code: Code = [];
  if (access === wholeAccess) {
    emitVerdict(code, allow ? 1 : 0);
  } else if (allow) {
    emit(code, bpf.and, register.wanted, 0, 0, wholeAccess & ~access);
    emit(code, bpf.jumpNotEqual, register.wanted, 0, verdictLength, 0);
    emitVerdict(code, 1);
  } else {
    emit(code, bpf.jumpAnySet, register.wanted, 0, 1, access);
    emit(code, bpf.jump, 0, 0, verdictLength, 0);
    emitVerdict(code, 0);
  }
  return code;
}

function emitVerdict(code: Code, value: 0 | 1): void {
  emit(code, bpf.move, register.verdict, 0, 0, value);
  emit(code, bpf.exit, 0, 0, 0, 0);
}

/** In the order of bytes of the machine, which is little endian. */
function bytesOf(code: Code): Uint8Array {
  return new Uint8Array(new Int32Array(code).buffer);
}
