// SPDX-License-Identifier: Apache-2.0
// A direct interpretation of a profile, entry by entry: no ranges, no tree, no split of words. The compiler in
// src/seccomp must agree with it. They share only the tables of numbers.

import type { HostFacts } from '../../src/host/facts.ts';
import type { Seccomp, SyscallArg } from '../../src/oci/seccomp.ts';
import { type Architecture, familyOf, syscallsOf, x32Bit } from '../../src/seccomp/architectures.ts';
import { verdictOf } from '../../src/seccomp/rules.ts';

/** A rule of one call: all its conditions must hold. */
export interface CallRule {
  readonly verdict: number;
  readonly args: readonly SyscallArg[];
}

/** The decision on one call of an architecture. */
export interface CallDecision {
  /** Verdict if no rule with conditions holds. */
  readonly otherwise: number;
  /** Rules with conditions; the first that holds applies. */
  readonly rules: readonly CallRule[];
  /** Rules that do not apply, because a rule without conditions exists. */
  readonly overruled: readonly CallRule[];
  /** The call is above the largest call that the profile names, and has the default errno of the runtime. */
  readonly newer: boolean;
  /** The names of a call, and of the calls that it contains. */
  readonly names: readonly string[];
}

const enosys = verdictOf('SCMP_ACT_ERRNO', 38);
/** KILL_THREAD. */
const kill = 0;
const armPrivate = 0xf0000;

/** Numbers that belong to socketcall(2) and ipc(2) of 32-bit x86: the kernel's linux/net.h and linux/ipc.h. */
const innerCalls: Readonly<Record<string, readonly (string | undefined)[]>> = {
  socketcall: (
    '- socket bind connect listen accept getsockname getpeername socketpair send recv sendto recvfrom shutdown ' +
    'setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg'
  ).split(' '),
  ipc: '- semop semget semctl semtimedop - - - - - - msgsnd msgrcv msgget msgctl - - - - - - shmat shmdt shmget shmctl'.split(
    ' ',
  ),
};

/** Calls that are also available inside another call. */
export const multiplexed: ReadonlySet<string> = new Set(
  Object.values(innerCalls).flatMap(names => names as string[]),
);

/** One profile on one machine. */
export class ReferenceProfile {
  private readonly fallback: number;
  private readonly rulesOf = new Map<string, { verdict?: number; rules: CallRule[] }>();
  private readonly architectures: readonly Architecture[];
  private readonly decisions = new Map<string, Map<number, CallDecision>>();
  private readonly largest = new Map<string, number>();
  private readonly beyond: CallDecision;

  constructor(profile: Seccomp, machine: HostFacts['machine']) {
    const { defaultAction, defaultErrnoRet, syscalls = [], architectures = [] } = profile;
    this.fallback = verdictOf(defaultAction, defaultErrnoRet);
    this.architectures = familyOf(machine).filter(({ word }, i) => i === 0 || architectures.includes(word));
    // Two names of one call are one name.
    const { places } = syscallsOf(machine);
    const first = new Map(
      Object.entries(places)
        .map(([name, place]) => [place, name] as const)
        .reverse(),
    );
    for (const { names, action, errnoRet, args = [] } of syscalls) {
      const verdict = verdictOf(action, errnoRet);
      for (const written of names) {
        const name = first.get(places[written] ?? -1) ?? written;
        const known = this.rulesOf.get(name) ?? { rules: [] };
        this.rulesOf.set(name, known);
        if (verdict === this.fallback) continue;
        if (args.length === 0) known.verdict ??= verdict;
        else if (new Set(args.map(({ index }) => index)).size === args.length)
          known.rules.push({ verdict, args });
        else for (const one of args) known.rules.push({ verdict, args: [one] });
      }
    }
    const allows = ['SCMP_ACT_ALLOW', 'SCMP_ACT_LOG', 'SCMP_ACT_TRACE'].includes(defaultAction);
    this.beyond = {
      otherwise: allows ? this.fallback : enosys,
      rules: [],
      overruled: [],
      newer: !allows,
      names: [],
    };
    for (const { name } of this.architectures) this.addDecisions(name, machine);
  }

  /** Undefined for a call of an architecture that is not in the list: its thread is killed. */
  of(audit: number, number: number): CallDecision | undefined {
    const native = this.architectures[0] as Architecture;
    let architecture = this.architectures.find(one => one.audit === audit);
    if (architecture === undefined) return undefined;
    if (native.name === 'x86_64' && audit === native.audit && number >= x32Bit) {
      architecture = this.architectures.find(({ name }) => name === 'x32');
      // Calls that a tracer skips.
      if (architecture === undefined && number === 0xffff_ffff) return this.decide([], 'SCMP_ARCH_X86_64');
      if (architecture === undefined) return undefined;
    }
    const own = number - architecture.base;
    const known = this.decisions.get(architecture.name)?.get(own);
    if (known !== undefined) return known;
    const largest = this.largest.get(architecture.name) ?? 0;
    return own > largest && largest > 0 ? this.beyond : this.decide([], architecture.name);
  }

  /** The verdict on a call with these arguments. */
  static verdict(decision: CallDecision | undefined, bits: 32 | 64, given: readonly bigint[]): number {
    if (decision === undefined) return kill;
    for (const { verdict, args } of decision.rules) {
      if (args.every(arg => holds(arg, bits, given[arg.index] ?? 0n))) return verdict;
    }
    return decision.otherwise;
  }

  private addDecisions(architecture: string, machine: HostFacts['machine']): void {
    const byNumber = new Map<number, string>();
    const { places, runs } = syscallsOf(machine);
    const names = new Map(
      Object.entries(places)
        .map(([name, place]) => [place, name] as const)
        .reverse(),
    );
    const list = runs[architecture] ?? [];
    for (let run = 0; run < list.length; run += 3) {
      const [first = 0, place = 0, count = 0] = list.slice(run, run + 3);
      for (let i = 0; i < count; i++) byNumber.set(first + i, names.get(place + i) as string);
    }
    const mentioned = [...byNumber].filter(([, name]) => this.rulesOf.has(name));
    const largest = Math.max(0, ...mentioned.map(([number]) => number).filter(number => number < armPrivate));
    this.largest.set(architecture, largest);
    const out = new Map<number, CallDecision>();
    for (const [number, name] of byNumber) {
      const decided = this.decide([name], architecture);
      const newer = number > largest && largest > 0;
      if (newer && decided.rules.length === 0 && this.rulesOf.get(name)?.verdict === undefined) continue;
      out.set(number, decided);
    }
    this.decisions.set(architecture, out);
  }

  private decide(names: readonly string[], architecture: string): CallDecision {
    const name = names[0] ?? '';
    const known = this.rulesOf.get(name);
    const otherwise = known?.verdict ?? this.fallback;
    const rules = known?.verdict === undefined ? [...(known?.rules ?? [])] : [];
    const inner = architecture === 'x86' ? innerCalls[name] : undefined;
    if (inner === undefined || known?.verdict !== undefined) {
      return { otherwise, rules, overruled: known?.rules ?? [], newer: false, names };
    }
    const all = [...names];
    const overruled: CallRule[] = [];
    for (const [index, call] of inner.entries()) {
      const innerRules = this.rulesOf.get(call ?? '');
      if (innerRules === undefined) continue;
      all.push(call ?? '');
      const is: SyscallArg = { index: 0, op: 'SCMP_CMP_EQ', value: index };
      if (innerRules.verdict !== undefined) {
        rules.push({ verdict: innerRules.verdict, args: [is] });
        overruled.push(...innerRules.rules);
      } else {
        for (const { verdict, args } of innerRules.rules) {
          rules.push({ verdict, args: [is, ...args.filter(arg => arg.index !== 0)] });
        }
      }
    }
    return { otherwise, rules, overruled, newer: false, names: all };
  }
}

function holds({ op, value, valueTwo }: SyscallArg, bits: 32 | 64, given: bigint): boolean {
  const low = (one: number | bigint): bigint => BigInt.asUintN(bits, BigInt(one));
  const [one, two, arg] = [low(value), low(valueTwo ?? 0), low(given)];
  switch (op) {
    case 'SCMP_CMP_NE':
      return arg !== one;
    case 'SCMP_CMP_LT':
      return arg < one;
    case 'SCMP_CMP_LE':
      return arg <= one;
    case 'SCMP_CMP_EQ':
      return arg === one;
    case 'SCMP_CMP_GE':
      return arg >= one;
    case 'SCMP_CMP_GT':
      return arg > one;
    case 'SCMP_CMP_MASKED_EQ':
      return (arg & one) === (two & one);
  }
}

/** Test values for arguments: adjacent to, equal to and above each compared value, in each half of the word. */
export function boundaryArguments(rules: readonly CallRule[], most = 96): bigint[][] {
  const near: bigint[][] = Array.from({ length: 6 }, () => [0n]);
  const base = Array.from({ length: 6 }, () => 0n);
  const high = 1n << 32n;
  for (const { args } of rules) {
    for (const { index, op, value, valueTwo } of args) {
      const [one, two] = [BigInt(value), BigInt(valueTwo ?? 0)];
      const at = op === 'SCMP_CMP_MASKED_EQ' ? one & two : one;
      near[index]?.push(at, at + 1n, at - 1n, at ^ high, at & 0xffff_ffffn, at + high, at - high);
      if (op === 'SCMP_CMP_MASKED_EQ') near[index]?.push(two, ~one, at | ~one, one, at ^ (one & -one));
    }
  }
  const lists = near.map(list => [...new Set(list.map(value => BigInt.asUintN(64, value)))]);
  const tuples: bigint[][] = [base, base.map(() => 0xffff_ffff_ffff_ffffn)];
  const longest = Math.max(...lists.map(list => list.length));
  // For values that satisfy one rule, adjacent values are tried, one argument at a time.
  for (const { args } of rules) {
    const holding = [...base];
    for (const { index, op, value, valueTwo } of args) {
      const masked = op === 'SCMP_CMP_MASKED_EQ';
      const shift = op === 'SCMP_CMP_GT' || op === 'SCMP_CMP_NE' ? 1n : op === 'SCMP_CMP_LT' ? -1n : 0n;
      holding[index] = BigInt.asUintN(
        64,
        (masked ? BigInt(valueTwo ?? 0) & BigInt(value) : BigInt(value)) + shift,
      );
    }
    tuples.push(holding);
    for (const index of new Set(args.map(arg => arg.index))) {
      for (const value of lists[index] ?? []) tuples.push(holding.with(index, value));
    }
  }
  for (let i = 0; i < longest; i++) {
    tuples.push(lists.map(list => list[i % list.length] as bigint));
    tuples.push(lists.map((list, index) => list[(i + index) % list.length] as bigint));
  }
  const step = Math.max(1, tuples.length / most);
  return Array.from(
    { length: Math.min(most, tuples.length) },
    (_, i) => tuples[Math.floor(i * step)] as bigint[],
  );
}
