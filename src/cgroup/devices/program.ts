// SPDX-License-Identifier: Apache-2.0
import { BPF, BPF_DEVCG_DEV } from '../../kernel/bpf.ts';
import { type DeviceRule, fewRules, wholeAccess } from './rules.ts';

/** Opcodes; each includes the operation and the kind of its operand. */
export const bpf = {
  loadWord: BPF.BPF_LDX | BPF.BPF_MEM | BPF.BPF_W, // dst = *(u32 *)(src + offset)
  move: BPF.BPF_ALU64 | BPF.BPF_MOV | BPF.BPF_K, // dst = immediate
  moveRegister: BPF.BPF_ALU64 | BPF.BPF_MOV | BPF.BPF_X,
  shiftRight: BPF.BPF_ALU64 | BPF.BPF_RSH | BPF.BPF_K,
  and: BPF.BPF_ALU64 | BPF.BPF_AND | BPF.BPF_K,
  jump: BPF.BPF_JMP | BPF.BPF_JA,
  /** These jumps compare 32 bits, because device numbers are unsigned. */
  jumpEqual: BPF.BPF_JMP32 | BPF.BPF_JEQ | BPF.BPF_K,
  jumpNotEqual: BPF.BPF_JMP32 | BPF.BPF_JNE | BPF.BPF_K,
  jumpAnySet: BPF.BPF_JMP32 | BPF.BPF_JSET | BPF.BPF_K,
  exit: BPF.BPF_JMP | BPF.BPF_EXIT,
} as const;

const types = [
  ['b', BPF_DEVCG_DEV.BPF_DEVCG_DEV_BLOCK],
  ['c', BPF_DEVCG_DEV.BPF_DEVCG_DEV_CHAR],
] as const;

/** struct bpf_cgroup_dev_ctx: the upper half of the first word contains the access, the lower half the type. */
const offsets = { accessType: 0, major: 4, minor: 8 } as const;

/** `wanted` contains the bits that no rule has allowed yet. */
const register = { verdict: 0, context: 1, type: 2, wanted: 3, major: 4, minor: 5 } as const;

/** Two 32-bit words per instruction. */
type Code = number[];

function emit(code: Code, opcode: number, to: number, from: number, offset: number, immediate: number): void {
  code.push(opcode | (to << 8) | (from << 12) | (offset << 16), immediate);
}

/**
 * Compiles the rules to a program of type BPF_PROG_TYPE_CGROUP_DEVICE, 8 bytes per instruction, little endian. The
 * program evaluates the rules from the last to the first. An allowing rule clears its bits in `wanted`; when no bit
 * is left, the access is allowed. A denying rule denies the access if one of its bits is still wanted.
 *
 * The kernel's verifier follows both branches of every jump while the container waits. Consecutive rules with the
 * same decision therefore share their tests and their decision.
 */
export function deviceProgram(rules: readonly DeviceRule[]): Uint8Array {
  const code: Code = [];
  emit(code, bpf.loadWord, register.type, register.context, offsets.accessType, 0);
  emit(code, bpf.moveRegister, register.wanted, register.type, 0, 0);
  emit(code, bpf.shiftRight, register.wanted, 0, 0, 16);
  emitNumbers(code);
  // access(2) with F_OK requests no access.
  emit(code, bpf.jumpNotEqual, register.wanted, 0, verdictLength, 0);
  emitVerdict(code, 1);
  const isLong = rules.length > fewRules;
  for (const run of runs(rules)) {
    const [first] = run;
    // The verifier follows the rest only once for equal registers. Loading them again discards the number that it
    // derived from a test; otherwise it would follow the rest once for each number.
    if (isLong) emitDevice(code);
    const tests = testsOf(run, isLong);
    const decision = decide(first);
    emitTests(code, tests, decision.length / 2);
    code.push(...decision);
    // The verifier rejects unreachable instructions, therefore nothing may follow an unconditional decision.
    if (tests.length === 0 && first.access === wholeAccess) return bytesOf(code);
  }
  emitVerdict(code, 0);
  return bytesOf(code);
}

function emitNumbers(code: Code): void {
  emit(code, bpf.and, register.type, 0, 0, 0xffff);
  emit(code, bpf.loadWord, register.major, register.context, offsets.major, 0);
  emit(code, bpf.loadWord, register.minor, register.context, offsets.minor, 0);
}

/** Loads again the registers that describe the device. */
function emitDevice(code: Code): void {
  emit(code, bpf.loadWord, register.type, register.context, offsets.accessType, 0);
  emitNumbers(code);
}

/** A jump offset is at most 32,767 instructions; a run has at most six per rule. */
const longestRun = 1000;

type Run = readonly [DeviceRule, ...DeviceRule[]];

/**
 * Groups consecutive rules with the same decision, from the last to the first; the order within a group has no
 * effect.
 */
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

/** Returns tests that jump to the decision if a rule of the run matches the device; none if every device matches. */
function testsOf(run: Run, isLong: boolean): Test[] {
  const ofType = byType(run);
  const all = ofType.get('a');
  const tests = all === undefined ? [] : numberTests(all, isLong);
  if (all !== undefined && tests.length === 0) return [];
  for (const [type, number] of types) {
    const rules = ofType.get(type);
    if (rules === undefined) continue;
    const inside = numberTests(rules, isLong);
    if (inside.length === 0) tests.push([bpf.jumpEqual, register.type, number, 'decision']);
    else tests.push([bpf.jumpNotEqual, register.type, number, inside.length], ...inside);
  }
  return [...tests, [bpf.jump, 0, 0, 'past']];
}

/** Groups the rules by type. Two rules with equal numbers, one for each type, become one rule for all types. */
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

/** Returns tests for the device numbers; none if a rule matches every number. */
function numberTests(rules: readonly DeviceRule[], isLong: boolean): Test[] {
  const first: Test[] = [];
  const minors = new Map<number, Test[]>();
  const whole = new Set<number>();
  for (const { major, minor } of rules) {
    if (major === undefined && minor === undefined) return [];
    if (minor === undefined) {
      if (major !== undefined) whole.add(major);
      continue;
    }
    let ofMajor = major === undefined ? first : minors.get(major);
    if (ofMajor === undefined) {
      ofMajor = [];
      minors.set(major as number, ofMajor);
    }
    ofMajor.push(...decideIfEqual(register.minor, minor, isLong));
  }
  for (const major of whole) first.push(...decideIfEqual(register.major, major, isLong));
  const groups = [...minors].filter(([major]) => !whole.has(major));
  /** Number of tests after `first`; in a long list, each group ends with a jump over the remaining groups. */
  let left = groups.reduce((sum, [, tests]) => sum + tests.length + (isLong ? 2 : 1), 0);
  const tests = [...first];
  for (const [major, ofMajor] of groups) {
    const end: Test[] = isLong ? [[bpf.jump, 0, 0, left - ofMajor.length - 2]] : [];
    tests.push([bpf.jumpNotEqual, register.major, major, ofMajor.length + end.length]);
    for (const test of ofMajor) tests.push(test);
    tests.push(...end);
    left -= ofMajor.length + end.length + 1;
  }
  return tests;
}

/**
 * In a long list, a match continues with the next instruction and a mismatch jumps, because the verifier keeps the
 * targets of jumps, at most 8,192 of them.
 */
function decideIfEqual(of: number, value: number, isLong: boolean): Test[] {
  if (!isLong) return [[bpf.jumpEqual, of, value, 'decision']];
  return [
    [bpf.jumpNotEqual, of, value, 1],
    [bpf.jump, 0, 0, 'decision'],
  ];
}

function emitTests(code: Code, tests: readonly Test[], decision: number): void {
  // A jump offset counts from the next instruction.
  let left = tests.length;
  for (const [opcode, of, value, to] of tests) {
    left -= 1;
    emit(code, opcode, of, 0, typeof to === 'number' ? to : to === 'past' ? left + decision : left, value);
  }
}

const verdictLength = 2;

/** `wanted` is never 0 when a rule is evaluated. */
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

/** In native byte order, which is little endian on all supported machines. */
function bytesOf(code: Code): Uint8Array {
  return new Uint8Array(new Int32Array(code).buffer);
}
