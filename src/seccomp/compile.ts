// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import type { HostFacts } from '../host/facts.ts';
import type { Seccomp } from '../oci/seccomp.ts';
import { type Architecture, familyOf, syscallsOf, x32Bit } from './architectures.ts';
import { Assembler, bpf, data, type Range } from './assembler.ts';
import { multiplexed } from './multiplexed.ts';
import { type Decision, type Decisions, readRules, verdictOf } from './rules.ts';

/** BPF_MAXINSNS of the kernel. */
export const maxInstructions = 4096;
const killThread = 0;
const enosys = verdictOf('SCMP_ACT_ERRNO', 38);
/** Where the calls of ARM's own begin, far above all others. */
const armPrivate = 0xf0000;
const end = 0x1_0000_0000;

/**
 * Compiles a checked profile to a classic BPF program: pairs of 32-bit words, one struct sock_filter each.
 * Pure; README.md says which call gets which verdict.
 *
 * @throws RuntimeError `config.seccomp.size` for more than 4096 instructions
 */
export function compileSeccomp(profile: Seccomp, machine: HostFacts['machine']): Uint32Array {
  const table = syscallsOf(machine);
  const decisions = readRules(profile, table);
  const fallback = verdictOf(profile.defaultAction, profile.defaultErrnoRet);
  const family = familyOf(machine);
  const wanted = family.filter(({ word }, i) => i === 0 || profile.architectures?.includes(word));
  const out = new Assembler();
  let other = out.give(killThread);
  for (let i = wanted.length - 1; i >= 0; i--) {
    const architecture = wanted[i] as Architecture;
    if (architecture.name === 'x32') continue;
    const ranges = rangesOf(architecture, decisions, profile, fallback, table[architecture.name] as number[]);
    let entry = 0;
    if (architecture.name === 'x86_64') {
      const x32 = wanted.find(({ name }) => name === 'x32');
      const upper =
        x32 === undefined
          ? [
              { start: x32Bit, decision: killThread },
              // What a tracer makes of a call that is to be left out.
              { start: end - 1, decision: fallback },
            ]
          : rangesOf(x32, decisions, profile, fallback, table['x32'] as number[]);
      const high = out.search(upper, 0, upper.length, fallback, true);
      const low = out.search(ranges, 0, ranges.length, fallback, false);
      entry = out.branch(bpf.ifAtLeast, x32Bit, high, low);
    } else {
      entry = out.search(ranges, 0, ranges.length, fallback, architecture.narrow);
    }
    entry = out.loadThen(data.number, entry);
    other = out.branch(bpf.ifEqual, architecture.audit, entry, other);
  }
  out.load(data.architecture);
  const program = out.finish();
  if (out.length <= maxInstructions) return program;
  throw new RuntimeError({
    code: 'config.seccomp.size',
    pointer: '/linux/seccomp',
    message: `the seccomp filter has ${out.length} instructions, more than the ${maxInstructions} the kernel takes`,
    hint: 'rules with fewer conditions on arguments make a shorter filter',
    spec: 'config-linux.md#seccomp',
  });
}

/** All numbers of one architecture in ranges of one decision each, from its base on. */
function rangesOf(
  { name, base }: Architecture,
  { decided, mentioned, names }: Decisions,
  profile: Seccomp,
  fallback: number,
  numbers: readonly number[],
): Range[] {
  const calls = new Map<number, Decision>();
  let largest = 0;
  for (let place = 0; place < numbers.length; place++) {
    const number = numbers[place] as number;
    if (number < 0) continue;
    if (mentioned[place] && number > largest && number < armPrivate) largest = number;
    const decision = decided[place];
    if (decision !== undefined) calls.set(number, decision);
  }
  if (name === 'x86') multiplexed(calls, names, numbers, decided);

  const { defaultAction } = profile;
  const permissive = ['SCMP_ACT_ALLOW', 'SCMP_ACT_LOG', 'SCMP_ACT_TRACE'].includes(defaultAction);
  const newer = permissive || largest === 0 ? fallback : enosys;
  const ranges: Range[] = [];
  const add = (start: number, decision: Decision): void => {
    if (ranges.at(-1)?.decision !== decision) ranges.push({ start: base + start, decision });
  };
  for (let number = 0; number <= largest; number++) add(number, calls.get(number) ?? fallback);
  add(largest + 1, newer);
  const rest = [...calls.keys()].filter(number => number > largest).sort((one, two) => one - two);
  for (const number of rest) {
    add(number, calls.get(number) as Decision);
    add(number + 1, newer);
  }
  return ranges;
}
