// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { findHoleInFew, findHoleInMany } from '../../../../src/cgroup/devices/holes.ts';
import { deviceProgram } from '../../../../src/cgroup/devices/program.ts';
import {
  containerDeviceRules,
  type DeviceRule,
  fewRules,
  ruleText,
} from '../../../../src/cgroup/devices/rules.ts';
import {
  allowsEverything,
  simplify,
  simplifyFew,
  simplifyMany,
} from '../../../../src/cgroup/devices/simplify.ts';
import type { DeviceCgroup } from '../../../../src/oci/resources.ts';
import { type DeviceRequest, runDeviceProgram, unreachable } from '../../../helpers/ebpf.ts';

/** The semantics of the list: the last rule with a requested bit decides on that bit. */
function model(rules: readonly DeviceRule[], request: DeviceRequest): number {
  for (const bit of [1, 2, 4]) {
    if ((request.access & bit) === 0) continue;
    let allowed = false;
    for (const rule of rules) {
      const applies =
        (rule.access & bit) !== 0 &&
        (rule.type === 'a' || rule.type === request.type) &&
        (rule.major ?? request.major) === request.major &&
        (rule.minor ?? request.minor) === request.minor;
      if (applies) allowed = rule.allow;
    }
    if (!allowed) return 0;
  }
  return 1;
}

const largest = 0xffffffff;
/** Values around every number that a rule can contain, and the limits of the kernel's range. */
const numbers = [0, 1, 2, 3, 4, 5, 135, 136, 137, 0xfff, 0xfffff, 0x7fffffff, 0x80000000, largest];

function* requests(): Generator<DeviceRequest> {
  for (const type of ['b', 'c'] as const) {
    for (const major of numbers) {
      for (const minor of numbers) {
        for (let access = 0; access < 8; access++) yield { type, major, minor, access };
      }
    }
  }
}

/** xorshift: generates the same lists on every machine. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function differences(rules: readonly DeviceRule[], program: Uint8Array): string[] {
  const found = unreachable(program).map(at => `nothing leads to ${at}`);
  for (const request of requests()) {
    const wanted = model(rules, request);
    if (runDeviceProgram(program, request) !== wanted) found.push(JSON.stringify({ ...request, wanted }));
  }
  return found;
}

const rulesFor = (...rules: DeviceCgroup[]): DeviceRule[] => containerDeviceRules(rules);

describe('a device program', () => {
  it.each<[string, DeviceRule[]]>([
    ['no rule', []],
    ['the default rules alone', rulesFor()],
    ['the rules that spec writes', rulesFor({ allow: false, access: 'rwm' })],
    ['everything allowed', rulesFor({ allow: true, access: 'rwm' })],
    ['a kind of access of everything', rulesFor({ allow: true, access: 'r' })],
    [
      'deny after allow',
      rulesFor({ allow: true, access: 'rwm' }, { allow: false, type: 'b', major: 3, access: 'w' }),
    ],
    [
      'allow after deny after allow',
      rulesFor(
        { allow: true, type: 'c', major: 1, access: 'rw' },
        { allow: false, type: 'c', access: 'w' },
        { allow: true, type: 'c', major: 1, minor: 4, access: 'w' },
      ),
    ],
    [
      'a number without a sign',
      rulesFor({ allow: true, type: 'b', major: largest, minor: 0x80000000, access: 'rw' }),
    ],
    ['a minor number of every major', rulesFor({ allow: true, type: 'b', minor: 2, access: 'rwm' })],
    ['-1 for every number', rulesFor({ allow: true, type: 'b', major: -1, minor: -1, access: 'r' })],
    [
      'two rules for one request',
      rulesFor(
        { allow: true, type: 'b', major: 3, minor: 4, access: 'r' },
        { allow: true, type: 'b', major: 3, access: 'w' },
      ),
    ],
  ])('agrees with the list: %s', (_, rules) => {
    expect(differences(rules, deviceProgram(rules))).toEqual([]);
    expect(differences(rules, deviceProgram(simplify(rules)))).toEqual([]);
  });

  /** Rules for a device that no request is for. */
  const padding = Array.from(
    { length: fewRules + 1 },
    (_, minor): DeviceRule => ({
      allow: minor % 3 > 0,
      type: 'c',
      major: 77,
      minor,
      access: (minor % 7) + 1,
    }),
  );

  it('decides as the list does for random lists', () => {
    const next = random(20260101);
    const pick = [undefined, 0, 1, 2, 3, 136, largest];
    for (let round = 0; round < 150; round++) {
      const rules = Array.from(
        { length: next(9) },
        (): DeviceRule => ({
          allow: next(2) === 1,
          type: (['a', 'c', 'b'] as const)[next(3)] ?? 'a',
          major: pick[next(pick.length)],
          minor: pick[next(pick.length)],
          access: next(7) + 1,
        }),
      );
      const text = rules.map(ruleText).join('; ');
      const simple = simplify(rules);
      expect(differences(rules, deviceProgram(rules)), text).toEqual([]);
      // Rules before all others do not change a decision, and make the list long.
      const long = [...padding, ...rules];
      expect(differences(long, deviceProgram(long)), text).toEqual([]);
      expect(differences(rules, deviceProgram(simple)), text).toEqual([]);
      expect(simple.length).toBeLessThanOrEqual(rules.length);
      expect(simplify(simple), text).toEqual(simple);
    }
  });

  it('decides as the list does for random long lists', () => {
    const next = random(20260103);
    const pick = [undefined, 0, 1, 2, 3, 4, 5, 135, 136, 137, largest];
    for (let round = 0; round < 40; round++) {
      const rules = Array.from(
        { length: fewRules + 1 + next(20) },
        (): DeviceRule => ({
          allow: next(4) > 0,
          type: (['a', 'c', 'b', 'c'] as const)[next(4)] ?? 'a',
          // Wildcards for both numbers would decide everything before them.
          major: pick[1 + next(pick.length - 1)],
          minor: pick[next(pick.length)],
          access: [7, 7, 2, 6][next(4)] ?? 7,
        }),
      );
      expect(differences(rules, deviceProgram(rules)), rules.map(ruleText).join('; ')).toEqual([]);
    }
  });

  it('has only local jumps, for any length of the list', () => {
    const rules = Array.from(
      { length: 20_000 },
      (_, minor): DeviceRule => ({
        allow: true,
        type: 'c',
        major: 250,
        minor,
        access: 2,
      }),
    );
    const program = deviceProgram(rules);
    expect(runDeviceProgram(program, { type: 'c', major: 250, minor: 0, access: 2 })).toBe(1);
    expect(runDeviceProgram(program, { type: 'c', major: 250, minor: 20_000, access: 2 })).toBe(0);
  });
});

describe('a long list of rules', () => {
  it('is simplified and searched for holes like a short one', () => {
    const next = random(20260102);
    const pick = [undefined, 0, 1, 2];
    let holes = 0;
    for (let round = 0; round < 3000; round++) {
      const withAll = next(2) === 0;
      const rules = Array.from(
        { length: 1 + next(14) },
        (): DeviceRule => ({
          allow: next(2) === 1,
          type: (withAll ? (['a', 'c', 'b'] as const) : (['c', 'c', 'b'] as const))[next(3)] ?? 'c',
          major: pick[next(pick.length)],
          minor: pick[next(pick.length)],
          access: next(7) + 1,
        }),
      );
      const text = rules.map(ruleText).join('; ');
      expect(simplifyMany(rules), text).toEqual(simplifyFew(rules));
      const hole = findHoleInFew(rules);
      if (hole !== undefined) holes++;
      expect(findHoleInMany(rules), text).toEqual(hole);
    }
    expect(holes).toBeGreaterThan(100);
  });
});

describe('simplified rules', () => {
  const texts = (...rules: DeviceCgroup[]): string[] => simplify(rulesFor(...rules)).map(ruleText);

  it('omit redundant denials', () => {
    expect(texts({ allow: false, access: 'rwm' })).toEqual(texts());
    expect(texts()).toHaveLength(11);
  });

  it('omit rules that a later rule overrides', () => {
    const rules = texts(
      { allow: true, type: 'c', major: 10, minor: 1, access: 'rw' },
      { allow: false, access: 'rwm' },
      { allow: true, type: 'b', major: 8, minor: 0, access: 'rm' },
    );
    expect(rules).toEqual(['allow b 8:0 r', ...texts()]);
  });

  it('are one rule if everything is allowed', () => {
    const everything = simplify(rulesFor({ allow: false, access: 'rwm' }, { allow: true, access: 'mwr' }));
    expect(everything.map(ruleText)).toEqual(['allow a *:* rwm']);
    expect(allowsEverything(everything)).toBe(true);
    expect(allowsEverything(simplify(rulesFor()))).toBe(false);
    expect(allowsEverything(simplify(rulesFor({ allow: true, access: 'rw' })))).toBe(false);
  });
});
