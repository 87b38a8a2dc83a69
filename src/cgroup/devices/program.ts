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
  jumpNotEqual: 0x56,
  jumpAnySet: 0x46,
  exit: 0x95,
} as const;

const BPF_DEVCG_DEV_BLOCK = 1;
const BPF_DEVCG_DEV_CHAR = 2;

/** struct bpf_cgroup_dev_ctx: the access in the upper half of the first word, the type in the lower. */
const offsets = { accessType: 0, major: 4, minor: 8 } as const;

/** `wanted` holds the bits that no rule has allowed so far. */
const register = { verdict: 0, context: 1, type: 2, wanted: 3, major: 4, minor: 5 } as const;

type Instruction = readonly [opcode: number, to: number, from: number, offset: number, immediate: number];

/**
 * The rules as a program of type BPF_PROG_TYPE_CGROUP_DEVICE, each instruction 8 bytes as in little endian memory. It
 * goes from the last rule to the first. A rule that allows takes its bits from those that are wanted, and when none is
 * left all of them are allowed; a rule that denies ends it when it denies one that is still wanted.
 */
export function deviceProgram(rules: readonly DeviceRule[]): Uint8Array {
  const code: Instruction[] = [
    [bpf.loadWord, register.type, register.context, offsets.accessType, 0],
    [bpf.moveRegister, register.wanted, register.type, 0, 0],
    [bpf.shiftRight, register.wanted, 0, 0, 16],
    [bpf.and, register.type, 0, 0, 0xffff],
    [bpf.loadWord, register.major, register.context, offsets.major, 0],
    [bpf.loadWord, register.minor, register.context, offsets.minor, 0],
    // access(2) with F_OK asks for nothing
    [bpf.jumpNotEqual, register.wanted, 0, 2, 0],
    ...verdict(1),
  ];
  for (const rule of [...rules].reverse()) {
    code.push(...block(rule));
    // What cannot be reached is refused by the kernel's verifier.
    if (decidesAll(rule)) return assemble(code);
  }
  code.push(...verdict(0));
  return assemble(code);
}

function decidesAll({ type, major, minor, access }: DeviceRule): boolean {
  return type === 'a' && major === undefined && minor === undefined && access === wholeAccess;
}

function block(rule: DeviceRule): Instruction[] {
  const decision = decide(rule);
  const tests: (readonly [register: number, value: number])[] = [];
  if (rule.type !== 'a') {
    tests.push([register.type, rule.type === 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR]);
  }
  if (rule.major !== undefined) tests.push([register.major, rule.major]);
  if (rule.minor !== undefined) tests.push([register.minor, rule.minor]);
  // A jump counts from the instruction after it.
  const past = (index: number): number => tests.length - index - 1 + decision.length;
  return [
    ...tests.map(([of, value], index): Instruction => [bpf.jumpNotEqual, of, 0, past(index), value]),
    ...decision,
  ];
}

/** Something is wanted whenever a rule is reached. */
function decide({ allow, access }: DeviceRule): Instruction[] {
  if (access === wholeAccess) return verdict(allow ? 1 : 0);
  return allow
    ? [
        [bpf.and, register.wanted, 0, 0, wholeAccess & ~access],
        [bpf.jumpNotEqual, register.wanted, 0, 2, 0],
        ...verdict(1),
      ]
    : [[bpf.jumpAnySet, register.wanted, 0, 1, access], [bpf.jump, 0, 0, 2, 0], ...verdict(0)];
}

function verdict(value: 0 | 1): Instruction[] {
  return [
    [bpf.move, register.verdict, 0, 0, value],
    [bpf.exit, 0, 0, 0, 0],
  ];
}

function assemble(code: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(code.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, [opcode, to, from, offset, immediate]] of code.entries()) {
    const at = index * 8;
    view.setUint8(at, opcode);
    view.setUint8(at + 1, to | (from << 4));
    view.setInt16(at + 2, offset, true);
    view.setInt32(at + 4, immediate, true);
  }
  return bytes;
}
