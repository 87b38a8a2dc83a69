// SPDX-License-Identifier: Apache-2.0

/** Parts of an opcode: linux/bpf_common.h, and linux/bpf.h for extended BPF (of cgroups; seccomp has classic BPF). */
export const BPF = {
  // Classes.
  BPF_LD: 0x00,
  BPF_LDX: 0x01,
  BPF_ALU: 0x04,
  BPF_JMP: 0x05,
  BPF_RET: 0x06,
  BPF_JMP32: 0x06,
  BPF_ALU64: 0x07,
  // Sizes and modes of loads.
  BPF_W: 0x00,
  BPF_ABS: 0x20,
  BPF_MEM: 0x60,
  // Operations.
  BPF_AND: 0x50,
  BPF_RSH: 0x70,
  BPF_MOV: 0xb0,
  BPF_JA: 0x00,
  BPF_JEQ: 0x10,
  BPF_JGT: 0x20,
  BPF_JGE: 0x30,
  BPF_JSET: 0x40,
  BPF_JNE: 0x50,
  BPF_EXIT: 0x90,
  // Sources of the operand: a constant or a register.
  BPF_K: 0x00,
  BPF_X: 0x08,
} as const;

/** Maximum number of instructions of a classic program. */
export const BPF_MAXINSNS = 4096;

/** Types of devices in the programs of cgroups. */
export const BPF_DEVCG_DEV = { BPF_DEVCG_DEV_BLOCK: 1, BPF_DEVCG_DEV_CHAR: 2 } as const;
