// SPDX-License-Identifier: Apache-2.0
import type { HostFacts } from '../../src/host/facts.ts';
import {
  type Seccomp,
  type SeccompAction,
  type SeccompArchitecture,
  type Syscall,
  type SyscallArg,
  seccompActions,
  seccompFlags,
  seccompOperators,
} from '../../src/oci/seccomp.ts';
import { Random } from './random.ts';

/** Boundary values: in the low half, in the high half, in the sign. */
const edges = [
  0n,
  1n,
  2n,
  5n,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_fffen,
  0xffff_ffffn,
  0x1_0000_0000n,
  0x1_0000_0001n,
  0x7fff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0xffff_ffff_0000_0000n,
  0xffff_ffff_ffff_fffen,
  0xffff_ffff_ffff_ffffn,
];

/** libseccomp accepts no higher errno; the kernel also accepts 4095. */
const largestErrno = 4094;

const families: Readonly<Record<HostFacts['machine'], readonly SeccompArchitecture[]>> = {
  x86_64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  aarch64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
};

/** The calls that a profile may name, and its size. */
export interface Vocabulary {
  readonly names: readonly string[];
  /** Maximum number of entries in `syscalls`, without those with several rules for one call; 12 by default. */
  readonly entries?: number;
  readonly namesOfEntry?: number;
}

/** A profile that `check` accepts, with all kinds of content. */
export function randomProfile(seed: number, machine: HostFacts['machine'], vocabulary: Vocabulary): Seccomp {
  const random = new Random(seed);
  const { names, entries = 12, namesOfEntry = 40 } = vocabulary;
  const syscalls: Syscall[] = [];
  // Some values are compared repeatedly, which yields rules that overlap or are adjacent.
  const values = [...edges, ...Array.from({ length: 3 }, () => anyValue(random))];
  const argument = (): SyscallArg => ({
    index: random.below(6),
    op: random.pick(seccompOperators),
    value: shortened(random.pick(values)),
    ...(!random.once(4) && { valueTwo: shortened(random.pick(values)) }),
  });
  const unnamed = new Set(names);
  for (let count = random.below(entries + 1); count > 0; count--) {
    const rules = random.once(3) ? 1 + random.below(4) : 0;
    // Each name with conditions is compiled separately, and a filter has at most 4096 instructions.
    const length = 1 + random.below(rules === 0 ? namesOfEntry : 6);
    const chosen = Array.from({ length }, () => random.pick(names));
    // Usually a call is named once; if it is named again, the first rule may already have decided.
    const again = random.once(rules > 1 ? 30 : 6);
    const selected = again ? chosen : chosen.filter(name => unnamed.delete(name));
    if (selected.length === 0) continue;
    if (rules === 0)
      syscalls.push({ names: selected, ...anyAction(random, selected), ...(random.once(8) && { args: [] }) });
    const shared = random.once(3) ? undefined : anyAction(random, selected);
    for (let rule = 0; rule < rules; rule++) {
      // Several long rules for one call take libseccomp seconds or hours.
      const args = Array.from({ length: 1 + random.below([6, 6, 2, 1, 1][rules] as number) }, argument);
      syscalls.push({ names: selected, ...(shared ?? anyAction(random, selected)), args });
    }
  }
  const { action, errnoRet } = anyAction(random, undefined);
  const known = families[machine];
  const others = ['SCMP_ARCH_S390X', ...families[machine === 'x86_64' ? 'aarch64' : 'x86_64']] as const;
  const notifies = syscalls.some(rule => rule.action === 'SCMP_ACT_NOTIFY');
  return {
    defaultAction: action,
    ...(errnoRet !== undefined && { defaultErrnoRet: errnoRet }),
    ...(!random.once(5) && {
      architectures: [
        ...known.filter(() => !random.once(3)),
        ...(random.once(4) ? [random.pick(others), random.pick(known)] : []),
      ],
    }),
    ...(random.once(2) && { flags: seccompFlags.filter(() => random.once(2)) }),
    ...(notifies && { listenerPath: '/run/agent' }),
    syscalls,
  };
}

function anyAction(
  random: Random,
  names: readonly string[] | undefined,
): { action: SeccompAction; errnoRet?: number } {
  const allowed = seccompActions.filter(
    action => action !== 'SCMP_ACT_NOTIFY' || (names !== undefined && !names.includes('write')),
  );
  const action = random.pick(allowed);
  if (random.once(3)) return { action };
  if (action === 'SCMP_ACT_ERRNO')
    return { action, errnoRet: random.pick([0, 1, 22, 38, largestErrno, random.below(largestErrno)]) };
  if (action === 'SCMP_ACT_TRACE')
    return { action, errnoRet: random.pick([0, 1, 0xffff, random.below(65536)]) };
  return { action };
}

function anyValue(random: Random): bigint {
  const words = [random.below(65536), random.below(65536), random.below(65536), random.below(65536)];
  const value = words.reduce((sum, word) => (sum << 16n) | BigInt(word), 0n);
  return value >> BigInt(random.below(64));
}

/** Converts to the types of the parser: bigint only if a number is not exact. */
function shortened(value: bigint): number | bigint {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}
