// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { BPF_MAXINSNS } from '../kernel/bpf.ts';
import { SECCOMP_RET } from '../kernel/seccomp.ts';
import type { Seccomp, SeccompAction, SeccompOperator } from '../oci/seccomp.ts';
import type { SyscallTable } from './architectures.ts';
import { noPlace } from './ranges.ts';

const verdicts: Readonly<Record<SeccompAction, number>> = {
  SCMP_ACT_KILL: SECCOMP_RET.SECCOMP_RET_KILL_THREAD,
  SCMP_ACT_KILL_THREAD: SECCOMP_RET.SECCOMP_RET_KILL_THREAD,
  SCMP_ACT_KILL_PROCESS: SECCOMP_RET.SECCOMP_RET_KILL_PROCESS,
  SCMP_ACT_TRAP: SECCOMP_RET.SECCOMP_RET_TRAP,
  SCMP_ACT_ERRNO: SECCOMP_RET.SECCOMP_RET_ERRNO,
  SCMP_ACT_NOTIFY: SECCOMP_RET.SECCOMP_RET_USER_NOTIF,
  SCMP_ACT_TRACE: SECCOMP_RET.SECCOMP_RET_TRACE,
  SCMP_ACT_LOG: SECCOMP_RET.SECCOMP_RET_LOG,
  SCMP_ACT_ALLOW: SECCOMP_RET.SECCOMP_RET_ALLOW,
};

export function verdictOf(action: SeccompAction, errnoRet: number = errno.EPERM): number {
  const data =
    action === 'SCMP_ACT_ERRNO' || action === 'SCMP_ACT_TRACE' ? errnoRet & SECCOMP_RET.SECCOMP_RET_DATA : 0;
  return verdicts[action] + data;
}

/** A test of one argument in two halves, because BPF uses 32-bit words. */
export interface Condition {
  readonly index: number;
  readonly op: SeccompOperator;
  readonly high: number;
  readonly low: number;
  /** Used by SCMP_CMP_MASKED_EQ. */
  readonly maskHigh: number;
  readonly maskLow: number;
}

/** All conditions must hold. */
export interface Rule {
  readonly conditions: readonly Condition[];
  readonly verdict: number;
}

/** The decision for a call: an unconditional verdict, or rules of which the first matching one applies. */
export type Decision = number | readonly Rule[];

/** The contents of a profile for all architectures: numbered decisions, and the decision for each name. */
export interface Decisions {
  /** Decisions by number; 0 is the default. */
  readonly list: Decision[];
  /** The number of the decision for each name, by the name's place. */
  readonly of: Uint16Array;
  /** 1 for every name in the profile, even if its rule equals the default. */
  readonly mentioned: Uint8Array;
}

/** Parses a profile once for all architectures. Names that are not in the table are ignored. */
export function readRules(profile: Seccomp, table: SyscallTable): Decisions {
  const fallback = verdictOf(profile.defaultAction, profile.defaultErrnoRet);
  const list: Decision[] = [fallback];
  const of = new Uint16Array(noPlace + 1);
  const mentioned = new Uint8Array(noPlace + 1);
  const { places } = table;
  const numbers = new Map([[fallback, 0]]);
  /** The lists of rules that belong to one decision only and may be extended. */
  const own = new Set<number>();
  let count = 0;
  for (const { names, action, errnoRet, args } of profile.syscalls ?? []) {
    const verdict = verdictOf(action, errnoRet);
    const rules = args === undefined || args.length === 0 ? undefined : rulesOf(args, verdict);
    // A rule with the default verdict has no effect.
    const isDefault = verdict === fallback;
    const alone = rules === undefined ? numberOf(list, numbers, verdict) : 0;
    const named = rules === undefined ? undefined : new Set<number>();
    // Hot loop: most of a profile is names without conditions that occur once; it takes a third of a compilation.
    for (let i = 0; i < names.length; i++) {
      const place = places[names[i] as string] as number;
      // False for missing names, and for inherited ones such as `constructor`, whose values are not numbers.
      if (!(place >= 0)) continue;
      mentioned[place] = 1;
      // A name that is repeated in the same entry has no further effect.
      if (isDefault || named?.has(place)) continue;
      const known = of[place] as number;
      if (known === 0) of[place] = rules === undefined ? alone : list.push(rules) - 1;
      else if (typeof list[known] !== 'number') {
        // The first unconditional rule overrides all others.
        if (rules === undefined) of[place] = alone;
        else addRules(list, known, rules, own);
      }
      if (named === undefined || rules === undefined) continue;
      named.add(place);
      count += rules.length;
      if (count > mostRules)
        throw tooLong(
          `more than ${mostRules} rules with conditions, and the kernel accepts at most ${BPF_MAXINSNS} instructions`,
        );
    }
  }
  return { list, of, mentioned };
}

/** Far above the capacity of a filter, therefore their result need not be computed. */
const mostRules = 1 << 16;

export function tooLong(what: string): RuntimeError {
  return new RuntimeError({
    code: 'config.seccomp.size',
    pointer: '/linux/seccomp',
    message: `the seccomp filter has ${what}`,
    hint: 'rules with fewer conditions on arguments make a shorter filter',
    spec: 'config-linux.md#seccomp',
  });
}

function addRules(list: Decision[], number: number, rules: readonly Rule[], own: Set<number>): void {
  let all = list[number] as Rule[];
  if (!own.has(number)) {
    all = [...all];
    list[number] = all;
    own.add(number);
  }
  for (const rule of rules) all.push(rule);
}

/** Returns the number of a verdict in the list of decisions, and adds it if it is missing. */
function numberOf(list: Decision[], numbers: Map<number, number>, verdict: number): number {
  let number = numbers.get(verdict);
  if (number === undefined) {
    number = list.push(verdict) - 1;
    numbers.set(verdict, number);
  }
  return number;
}

type Arguments = NonNullable<NonNullable<Seccomp['syscalls']>[number]['args']>;

function rulesOf(args: Arguments, verdict: number): Rule[] {
  const conditions = args.map(toCondition);
  // If an argument is repeated, every condition becomes a rule of its own, including those on other arguments.
  const repeated = new Set(conditions.map(({ index }) => index)).size < conditions.length;
  if (repeated) return conditions.map(condition => ({ conditions: [condition], verdict }));
  return [{ conditions, verdict }];
}

function toCondition({ index, op, value, valueTwo }: Arguments[number]): Condition {
  const masked = op === 'SCMP_CMP_MASKED_EQ';
  const [high, low] = halves(masked ? (valueTwo ?? 0) : value);
  const [maskHigh, maskLow] = masked ? halves(value) : [0xffff_ffff, 0xffff_ffff];
  return { index, op, high: (high & maskHigh) >>> 0, low: (low & maskLow) >>> 0, maskHigh, maskLow };
}

function halves(value: number | bigint): readonly [number, number] {
  if (typeof value === 'number') return [Math.floor(value / 0x1_0000_0000) >>> 0, value >>> 0];
  return [Number(value >> 32n), Number(value & 0xffff_ffffn)];
}
