// SPDX-License-Identifier: Apache-2.0
import { beforeAll, describe, expect, test } from 'vitest';
import type { HostFacts } from '../../src/host/facts.ts';
import type { Seccomp } from '../../src/oci/seccomp.ts';
import { compileSeccomp } from '../../src/seccomp/compile.ts';
import { Filter, seccompData, setArguments } from '../helpers/bpf.ts';
import { engineProfile } from '../helpers/engine-profile.ts';
import { compileWithLibseccomp, sharedNames } from '../helpers/libseccomp.ts';
import { randomProfile } from '../helpers/random-profile.ts';
import {
  boundaryArguments,
  type CallDecision,
  multiplexed,
  ReferenceProfile,
} from '../helpers/reference-profile.ts';
import { requires } from '../helpers/requires.ts';

// Compares every call of every architecture: the compiled filter, the filter of libseccomp for the same profile, and
// the interpreted profile must have the same verdict. TSUBO_SEED=SEED and TSUBO_ROUNDS=COUNT select other profiles, or
// repeat one.
const seed = Number(process.env['TSUBO_SEED'] ?? 1);
const rounds = Number(process.env['TSUBO_ROUNDS'] ?? 3000);

/** AUDIT_ARCH_*, the first number, and the width of arguments. */
const architectures = [
  { audit: 0xc000003e, base: 0, bits: 64 },
  { audit: 0xc000003e, base: 0x4000_0000, bits: 32 },
  { audit: 0x40000003, base: 0, bits: 32 },
  { audit: 0xc00000b7, base: 0, bits: 64 },
  { audit: 0x40000028, base: 0, bits: 32 },
] as const;
/** Architectures that no profile here contains, another byte order, and invalid values. */
const strange = [0x80000016, 0xc00000f3, 0x8000_003e, 0x400000b7, 0, 0xffff_ffff];

/** All existing numbers and some above, the private ones of ARM, and boundary values of 32 bits. */
const numbers = [
  ...Array.from({ length: 600 }, (_, number) => number),
  ...[1023, 1024, 0xeffff, 0xf0000, 0xf0001, 0xf0002, 0xf0003, 0xf0004, 0xf0005, 0xf0006, 0xfffff],
  ...[0x3fff_fffe, 0x3fff_ffff, 0x7fff_ffff, 0x8000_0000, 0xbfff_ffff, 0xffff_fffe, 0xffff_ffff],
];

/**
 * Intended differences to libseccomp, and their reasons. The interpreted profile agrees with the compiled filter in all
 * of them.
 */
const differences = {
  newer: 'a call newer than the profile answers ENOSYS; runc puts that before the filter of libseccomp',
  order:
    'rules of one call with different actions: libseccomp sorts them, or refuses one; the order of the profile counts',
  lost: 'several rules of one call with one action: libseccomp 2.5 loses a part of what the later ones match',
  alias:
    'arm_sync_file_range and sync_file_range2 are one call of ARM: libseccomp 2.5 knows only the first name',
} as const;

type Difference = keyof typeof differences;

describe.skipIf(requires('g++', 'libseccomp'))('libseccomp as an oracle', () => {
  let shared: { readonly x86_64: string[]; readonly aarch64: string[] };
  beforeAll(() => {
    shared = { x86_64: sharedNames('x86_64'), aarch64: sharedNames('aarch64') };
  });

  test.each(['short', 'long'] as const)('agrees on the %s profile that engines send', form => {
    const known = new Set(shared.x86_64);
    const whole = engineProfile(form);
    const syscalls = (whole.syscalls ?? []).map(rule => ({
      ...rule,
      names: rule.names.filter(name => known.has(name)),
    }));
    const found = compare([{ label: form, machine: 'x86_64', profile: { ...whole, syscalls } }]);
    expect(found.wrong).toEqual([]);
  });

  test(`agrees on ${rounds} random profiles`, () => {
    const counts = none();
    let calls = 0;
    const atOnce = 250;
    for (let first = seed; first < seed + rounds; first += atOnce) {
      const seeds = Array.from({ length: Math.min(atOnce, seed + rounds - first) }, (_, i) => first + i);
      const cases = seeds.map(one => {
        const machine = one % 3 === 0 ? 'aarch64' : 'x86_64';
        const profile = randomProfile(one, machine, { names: shared[machine] });
        return { label: `TSUBO_SEED=${one} TSUBO_ROUNDS=1`, machine, profile } as const;
      });
      const found = compare(cases);
      expect(found.wrong).toEqual([]);
      for (const name of Object.keys(counts) as Difference[]) counts[name] += found.counts[name];
      calls += found.calls;
    }
    // Differences must be exceptions.
    expect((counts.order + counts.lost) / calls).toBeLessThan(0.05);
  }, 600_000);
});

const none = (): Record<Difference, number> => ({ newer: 0, order: 0, lost: 0, alias: 0 });

interface Case {
  readonly label: string;
  readonly machine: HostFacts['machine'];
  readonly profile: Seccomp;
}

interface Found {
  readonly wrong: string[];
  readonly counts: Record<Difference, number>;
  calls: number;
}

function compare(cases: readonly Case[]): Found {
  const { filters } = compileWithLibseccomp(cases);
  const found: Found = { wrong: [], counts: none(), calls: 0 };
  for (const [i, one] of cases.entries()) {
    compareOne(one, new Filter(filters[i] as Uint32Array), found);
    if (found.wrong.length > 0) break;
  }
  return found;
}

function compareOne({ label, machine, profile }: Case, libseccomp: Filter, found: Found): void {
  const own = new Filter(compileSeccomp(profile, machine));
  const reference = new ReferenceProfile(profile, machine);
  // Arguments for calls whose rules are not known to depend on arguments.
  const usual = boundaryArguments([], 8);
  const data = seccompData({ arch: 0, number: 0 });
  const once = (audit: number, number: number, bits: 32 | 64, decision: CallDecision | undefined): void => {
    const all =
      decision !== undefined && decision.rules.length > 0 ? boundaryArguments(decision.rules) : usual;
    data[0] = number;
    data[1] = audit;
    for (const args of all) {
      setArguments(data, args);
      const mine = own.run(data);
      const other = libseccomp.run(data);
      const expected = ReferenceProfile.verdict(decision, bits, args);
      found.calls++;
      if (mine !== expected || (mine !== other && difference(decision, found) === undefined)) {
        found.wrong.push(
          `${label} ${machine} audit ${audit.toString(16)} number ${number} ${decision?.names} (${args}): ` +
            `own ${mine.toString(16)}, libseccomp ${other.toString(16)}, the profile ${expected.toString(16)}`,
        );
        return;
      }
      // No filter loaded an argument: others would have the same verdict.
      if (all === usual && !own.argued && !libseccomp.argued) return;
    }
  };
  for (const { audit, base, bits } of architectures) {
    for (const number of numbers) {
      const whole = (base + number) >>> 0;
      once(audit, whole, bits, reference.of(audit, whole));
    }
  }
  for (const audit of strange)
    for (const number of [0, 1, 59, 600]) once(audit, number, 64, reference.of(audit, number));
}

/** The reason why the verdict of libseccomp may differ; undefined if it must not. */
function difference(decision: CallDecision | undefined, { counts }: Found): Difference | undefined {
  const name = namedDifference(decision);
  if (name !== undefined) counts[name]++;
  return name;
}

function namedDifference(decision: CallDecision | undefined): Difference | undefined {
  if (decision === undefined) return undefined;
  if (decision.newer) return 'newer';
  if (decision.names.includes('arm_sync_file_range')) return 'alias';
  const { rules, overruled, otherwise } = decision;
  // libseccomp handles a single condition with an unconditional rule correctly, unless its mask removes all 32 bits, or
  // it refuses the second rule for all architectures because of a rule for socketcall(2).
  const [first, ...more] = overruled.flatMap(({ args }) => args);
  const always = first?.op === 'SCMP_CMP_MASKED_EQ' && BigInt.asUintN(32, BigInt(first.value)) === 0n;
  const shared = first !== undefined && decision.names.some(name => multiplexed.has(name));
  const plain = more.length === 0 && !always && !shared;
  if (plain && rules.length + overruled.length < 2) return undefined;
  const verdicts = [...rules, ...overruled].map(({ verdict }) => verdict);
  if (overruled.length > 0) verdicts.push(otherwise);
  return new Set(verdicts).size > 1 ? 'order' : 'lost';
}
