// SPDX-License-Identifier: Apache-2.0
import type { Seccomp, SeccompAction, SeccompOperator } from '../oci/seccomp.ts';
import type { SyscallTable } from './architectures.ts';

/** SECCOMP_RET_* of linux/seccomp.h. */
const verdicts: Readonly<Record<SeccompAction, number>> = {
  SCMP_ACT_KILL: 0,
  SCMP_ACT_KILL_THREAD: 0,
  SCMP_ACT_KILL_PROCESS: 0x8000_0000,
  SCMP_ACT_TRAP: 0x0003_0000,
  SCMP_ACT_ERRNO: 0x0005_0000,
  SCMP_ACT_NOTIFY: 0x7fc0_0000,
  SCMP_ACT_TRACE: 0x7ff0_0000,
  SCMP_ACT_LOG: 0x7ffc_0000,
  SCMP_ACT_ALLOW: 0x7fff_0000,
};

const EPERM = 1;

export function verdictOf(action: SeccompAction, errnoRet = EPERM): number {
  const data = action === 'SCMP_ACT_ERRNO' || action === 'SCMP_ACT_TRACE' ? errnoRet & 0xffff : 0;
  return verdicts[action] + data;
}

/** A test of one argument, in halves: the kernel's machine has 32-bit words. */
export interface Condition {
  readonly index: number;
  readonly op: SeccompOperator;
  readonly high: number;
  readonly low: number;
  /** Of SCMP_CMP_MASKED_EQ. */
  readonly maskHigh: number;
  readonly maskLow: number;
}

/** All conditions must hold. */
export interface Rule {
  readonly conditions: readonly Condition[];
  readonly verdict: number;
}

/** What is decided of one call: a verdict whatever its arguments are, or rules of which the first that holds counts. */
export type Decision = number | readonly Rule[];

export interface Decisions {
  readonly names: readonly string[];
  /** By the place of the name in `names`; undefined is the default. */
  readonly decided: readonly (Decision | undefined)[];
  /** True for every name that the profile mentions, also where that says nothing new. */
  readonly mentioned: readonly boolean[];
}

/** Reads a profile once for all architectures. Names that no table has are passed over. */
export function readRules(profile: Seccomp, table: SyscallTable): Decisions {
  const names = table.names.split(' ');
  const places = new Map<string, number>();
  for (let place = 0; place < names.length; place++) places.set(names[place] as string, place);
  const fallback = verdictOf(profile.defaultAction, profile.defaultErrnoRet);
  const decided: (number | Rule[] | undefined)[] = new Array(names.length).fill(undefined);
  const mentioned: boolean[] = new Array(names.length).fill(false);
  for (const syscall of profile.syscalls ?? []) {
    const verdict = verdictOf(syscall.action, syscall.errnoRet);
    const rules =
      syscall.args === undefined || syscall.args.length === 0 ? undefined : rulesOf(syscall, verdict);
    for (const name of syscall.names) {
      const place = places.get(name);
      if (place === undefined) continue;
      mentioned[place] = true;
      // A rule that repeats the default is none; the first without conditions decides alone.
      if (verdict === fallback || typeof decided[place] === 'number') continue;
      if (rules === undefined) decided[place] = verdict;
      else decided[place] = [...((decided[place] as Rule[] | undefined) ?? []), ...rules];
    }
  }
  return { names, decided, mentioned };
}

type Arguments = NonNullable<NonNullable<Seccomp['syscalls']>[number]['args']>;

function rulesOf({ args }: { readonly args?: Arguments }, verdict: number): Rule[] {
  const conditions = (args ?? []).map(toCondition);
  // With one argument named twice each condition is a rule of its own, those on other arguments too.
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
