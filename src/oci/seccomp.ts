// SPDX-License-Identifier: Apache-2.0
import type { Integer } from './config.ts';

export const seccompActions = [
  'SCMP_ACT_KILL',
  'SCMP_ACT_KILL_PROCESS',
  'SCMP_ACT_KILL_THREAD',
  'SCMP_ACT_TRAP',
  'SCMP_ACT_ERRNO',
  'SCMP_ACT_TRACE',
  'SCMP_ACT_ALLOW',
  'SCMP_ACT_LOG',
  'SCMP_ACT_NOTIFY',
] as const;

export const seccompOperators = [
  'SCMP_CMP_NE',
  'SCMP_CMP_LT',
  'SCMP_CMP_LE',
  'SCMP_CMP_EQ',
  'SCMP_CMP_GE',
  'SCMP_CMP_GT',
  'SCMP_CMP_MASKED_EQ',
] as const;

export const seccompFlags = [
  'SECCOMP_FILTER_FLAG_TSYNC',
  'SECCOMP_FILTER_FLAG_LOG',
  'SECCOMP_FILTER_FLAG_SPEC_ALLOW',
  'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV',
] as const;

export const seccompArchitectures = [
  'SCMP_ARCH_X86',
  'SCMP_ARCH_X86_64',
  'SCMP_ARCH_X32',
  'SCMP_ARCH_ARM',
  'SCMP_ARCH_AARCH64',
  'SCMP_ARCH_LOONGARCH64',
  'SCMP_ARCH_M68K',
  'SCMP_ARCH_MIPS',
  'SCMP_ARCH_MIPS64',
  'SCMP_ARCH_MIPS64N32',
  'SCMP_ARCH_MIPSEL',
  'SCMP_ARCH_MIPSEL64',
  'SCMP_ARCH_MIPSEL64N32',
  'SCMP_ARCH_PPC',
  'SCMP_ARCH_PPC64',
  'SCMP_ARCH_PPC64LE',
  'SCMP_ARCH_S390',
  'SCMP_ARCH_S390X',
  'SCMP_ARCH_SH',
  'SCMP_ARCH_SHEB',
  'SCMP_ARCH_PARISC',
  'SCMP_ARCH_PARISC64',
  'SCMP_ARCH_RISCV64',
] as const;

export type SeccompAction = (typeof seccompActions)[number];
export type SeccompOperator = (typeof seccompOperators)[number];
export type SeccompFlag = (typeof seccompFlags)[number];
export type SeccompArchitecture = (typeof seccompArchitectures)[number];

/** config-linux.md#seccomp */
export interface Seccomp {
  /** The action for calls that no rule matches. */
  readonly defaultAction: SeccompAction;
  /** Default EPERM. */
  readonly defaultErrnoRet?: number;
  /** The native architecture is always included. */
  readonly architectures?: readonly SeccompArchitecture[];
  /** An absent list means SPEC_ALLOW; an empty one, no flags. */
  readonly flags?: readonly SeccompFlag[];
  /** UNIX socket of the agent for SCMP_ACT_NOTIFY. */
  readonly listenerPath?: string;
  readonly listenerMetadata?: string;
  readonly syscalls?: readonly Syscall[];
}

export interface Syscall {
  /** At least one name; names that the kernel does not have are ignored. */
  readonly names: readonly string[];
  readonly action: SeccompAction;
  /** Default EPERM. */
  readonly errnoRet?: number;
  /** Conditions on different arguments must all hold; of several conditions on one argument, one must hold. */
  readonly args?: readonly SyscallArg[];
}

export interface SyscallArg {
  /** Index of the argument, 0 to 5. */
  readonly index: number;
  readonly value: Integer;
  /** The operand of SCMP_CMP_MASKED_EQ; `value` is the mask. */
  readonly valueTwo?: Integer;
  readonly op: SeccompOperator;
}
