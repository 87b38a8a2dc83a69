// SPDX-License-Identifier: Apache-2.0
import { findHoleInFew, findHoleInMany } from '../../../src/cgroup/devices/holes.ts';
import { deviceProgram } from '../../../src/cgroup/devices/program.ts';
import type { DeviceRule } from '../../../src/cgroup/devices/rules.ts';
import { simplifyFew, simplifyMany } from '../../../src/cgroup/devices/simplify.ts';
import type { Seccomp } from '../../../src/oci/seccomp.ts';
import { syscallsOf } from '../../../src/seccomp/architectures.ts';
import { compileSeccomp } from '../../../src/seccomp/compile.ts';
import { Filter, seccompData, setArguments } from '../../helpers/bpf.ts';
import { runDeviceProgram, unreachable } from '../../helpers/ebpf.ts';
import { Random } from '../../helpers/random.ts';
import { randomProfile } from '../../helpers/random-profile.ts';
import { boundaryArguments, ReferenceProfile } from '../../helpers/reference-profile.ts';
import { attempt, type Target, Violation } from '../target.ts';

const audits = [
  ...([
    [0xc000003e, 64],
    [0x40000003, 32],
    [0xc00000b7, 64],
    [0x40000028, 32],
  ] as const),
  ...([
    [0x80000016, 64],
    [0, 64],
  ] as const),
];

/** The compiled filter of a random profile and the profile read entry by entry give the same verdicts. */
export const seccompTarget: Target = {
  name: 'seccomp',
  corpus: [],
  generate: random =>
    JSON.stringify({ seed: random.below(2 ** 31), machine: random.pick(['x86_64', 'aarch64']) }),
  execute(input) {
    const { seed, machine } = JSON.parse(input as string) as { seed: number; machine: 'x86_64' | 'aarch64' };
    const profile: Seccomp = randomProfile(seed, machine, { names: Object.keys(syscallsOf(machine).places) });
    const program = attempt(() => compileSeccomp(profile, machine));
    if (program === undefined) return false;
    const filter = new Filter(program);
    const words = new ReferenceProfile(profile, machine);
    const random = new Random(seed);
    const data = seccompData({ arch: 0, number: 0 });
    for (let calls = 0; calls < 150; calls++) {
      const [audit, bits] = random.pick(audits);
      const base = audit === 0xc000003e && random.once(4) ? 0x4000_0000 : 0;
      const number = (base + (random.once(12) ? random.below(2 ** 31) : random.below(600))) >>> 0;
      const decision = words.of(audit, number);
      data[0] = number;
      data[1] = audit;
      for (const args of boundaryArguments(decision?.rules ?? []).slice(0, 40)) {
        setArguments(data, args);
        const verdict = filter.run(data);
        // The arguments of x32 have 32 bits too.
        const expected = ReferenceProfile.verdict(decision, base === 0 ? bits : 32, args);
        if (verdict !== expected) {
          throw new Violation(
            'the filter and the profile disagree',
            `audit ${audit.toString(16)} number ${number} (${args}): ${verdict.toString(16)}, expected ${expected.toString(16)}`,
          );
        }
      }
    }
    return true;
  },
};

/** The last rule with a requested bit decides on that bit. */
function allowed(
  rules: readonly DeviceRule[],
  request: { type: 'b' | 'c'; access: number; major: number; minor: number },
): number {
  for (const bit of [1, 2, 4]) {
    if ((request.access & bit) === 0) continue;
    const deciding = rules.findLast(
      rule =>
        (rule.access & bit) !== 0 &&
        (rule.type === 'a' || rule.type === request.type) &&
        (rule.major ?? request.major) === request.major &&
        (rule.minor ?? request.minor) === request.minor,
    );
    if (deciding?.allow !== true) return 0;
  }
  return 1;
}

const limits = [0, 1, 3, 5, 136, 0xfff, 0xfffff, 0x7fffffff, 0x80000000, 0xffffffff];

/** The device program and the list of rules allow the same, also after the list was simplified. */
export const devicesTarget: Target = {
  name: 'devices',
  corpus: [],
  generate(random) {
    const count = random.once(20) ? 60 + random.below(40) : random.below(12);
    return JSON.stringify(
      Array.from({ length: count }, () => ({
        allow: random.once(2),
        type: random.pick(['a', 'b', 'c', 'c']),
        ...(random.once(3) ? {} : { major: random.pick(limits) }),
        ...(random.once(3) ? {} : { minor: random.pick(limits) }),
        access: random.below(8),
      })),
    );
  },
  execute(input) {
    const list = JSON.parse(input as string) as DeviceRule[];
    const rules = list.map(rule => ({ ...rule, major: rule.major, minor: rule.minor }));
    const program = attempt(() => deviceProgram(rules));
    if (program === undefined) return false;
    if (unreachable(program).length > 0)
      throw new Violation('the device program has unreachable instructions');
    const few = simplifyFew(rules);
    if (JSON.stringify(few) !== JSON.stringify(simplifyMany(rules)))
      throw new Violation('the two ways to simplify rules disagree');
    if ((findHoleInFew(rules) === undefined) !== (findHoleInMany(rules) === undefined))
      throw new Violation('the two ways to find a hole disagree');
    const random = new Random(rules.length + input.length);
    for (let requests = 0; requests < 60; requests++) {
      const request = {
        type: random.pick(['b', 'c'] as const),
        access: random.below(8),
        major: random.pick(limits),
        minor: random.pick(limits),
      };
      const expected = allowed(rules, request);
      if (runDeviceProgram(program, request) !== expected)
        throw new Violation('the device program and the rules disagree', JSON.stringify(request));
      if (allowed(few, request) !== expected)
        throw new Violation('the simplified rules and the rules disagree', JSON.stringify(request));
    }
    return true;
  },
};
