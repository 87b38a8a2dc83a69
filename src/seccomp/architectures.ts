// SPDX-License-Identifier: Apache-2.0

import type { HostFacts } from '../host/facts.ts';
import { AUDIT_ARCH } from '../kernel/seccomp.ts';
import type { SeccompArchitecture } from '../oci/seccomp.ts';
import { armSyscalls } from './syscalls-arm.ts';
import { x86Syscalls } from './syscalls-x86.ts';

/** The system calls of a family of architectures. */
export interface SyscallTable {
  /** The index of each name, from 0; the rest of this module calls it the name's place. */
  readonly places: Readonly<Record<string, number>>;
  /**
   * For each architecture, its numbers in ascending order as runs: first number, place of its name, and length of the
   * run, in which both numbers and places increase by one.
   */
  readonly runs: Readonly<Record<string, readonly number[]>>;
}

/** An architecture that the kernel of a machine reports in seccomp_data. */
export interface Architecture {
  readonly name: 'x86_64' | 'x86' | 'x32' | 'aarch64' | 'arm';
  readonly word: SeccompArchitecture;
  /** AUDIT_ARCH_*. */
  readonly audit: number;
  /** The lowest number: x32 shares AUDIT_ARCH_X86_64 and sets an additional bit. */
  readonly base: number;
  /** Only the low 32 bits of arguments are compared. */
  readonly narrow: boolean;
}

export const x32Bit = 0x4000_0000;

const x86Family: readonly Architecture[] = [
  { name: 'x86_64', word: 'SCMP_ARCH_X86_64', audit: AUDIT_ARCH.AUDIT_ARCH_X86_64, base: 0, narrow: false },
  { name: 'x32', word: 'SCMP_ARCH_X32', audit: AUDIT_ARCH.AUDIT_ARCH_X86_64, base: x32Bit, narrow: true },
  { name: 'x86', word: 'SCMP_ARCH_X86', audit: AUDIT_ARCH.AUDIT_ARCH_I386, base: 0, narrow: true },
];

const armFamily: readonly Architecture[] = [
  {
    name: 'aarch64',
    word: 'SCMP_ARCH_AARCH64',
    audit: AUDIT_ARCH.AUDIT_ARCH_AARCH64,
    base: 0,
    narrow: false,
  },
  { name: 'arm', word: 'SCMP_ARCH_ARM', audit: AUDIT_ARCH.AUDIT_ARCH_ARM, base: 0, narrow: true },
];

/** Returns the architectures of a machine's kernel, the native one first. */
export function familyOf(machine: HostFacts['machine']): readonly Architecture[] {
  return machine === 'x86_64' ? x86Family : armFamily;
}

export function syscallsOf(machine: HostFacts['machine']): SyscallTable {
  return machine === 'x86_64' ? x86Syscalls : armSyscalls;
}

/** Returns the place of a name; undefined if the table does not contain it. */
export function placeOf(table: SyscallTable, name: string): number | undefined {
  // The lookup also finds inherited names such as `constructor`, whose values are not numbers.
  const place: unknown = table.places[name];
  return typeof place === 'number' ? place : undefined;
}
