// SPDX-License-Identifier: Apache-2.0

import type { HostFacts } from '../host/facts.ts';
import { BPF_MAXINSNS } from '../kernel/bpf.ts';
import type { Seccomp, SeccompAction } from '../oci/seccomp.ts';
import { type Architecture, familyOf, syscallsOf, x32Bit } from './architectures.ts';
import { assemble, bpf, data } from './assembler.ts';
import { multiplex } from './multiplexed.ts';
import { type Ranges, rangesOf } from './ranges.ts';
import { type Decision, readRules, tooLong, verdictOf } from './rules.ts';

const killThread = 0;
const enosys = verdictOf('SCMP_ACT_ERRNO', 38);
const permissive: readonly SeccompAction[] = ['SCMP_ACT_ALLOW', 'SCMP_ACT_LOG', 'SCMP_ACT_TRACE'];
/** The number to which a tracer sets a call that must be skipped. */
const skippedCall = 0xffff_ffff;

/** Returns the number of the verdict in the list of decisions, and adds it if it is missing. */
function numberOfVerdict(list: Decision[], verdict: number): number {
  const known = list.indexOf(verdict);
  return known >= 0 ? known : list.push(verdict) - 1;
}

/**
 * Compiles a checked profile to a classic BPF program: pairs of 32-bit words, one struct sock_filter each. Pure;
 * README.md describes the verdict for each call.
 *
 * @throws RuntimeError `config.seccomp.size` for more than 4096 instructions
 */
export function compileSeccomp(profile: Seccomp, machine: HostFacts['machine']): Uint32Array {
  const table = syscallsOf(machine);
  const decisions = readRules(profile, table);
  const { list } = decisions;
  const newer = permissive.includes(profile.defaultAction) ? 0 : numberOfVerdict(list, enosys);
  if (machine === 'x86_64' && profile.architectures?.includes('SCMP_ARCH_X86')) multiplex(table, decisions);
  const searched = ({ base, name }: Architecture): Ranges =>
    rangesOf(base, table.runs[name] as readonly number[], decisions, newer);

  const wanted = familyOf(machine).filter(
    ({ word }, i) => i === 0 || profile.architectures?.includes(word) === true,
  );
  const out = assemble(list);
  let other = out.give(killThread);
  for (let i = wanted.length - 1; i >= 0; i--) {
    const architecture = wanted[i] as Architecture;
    if (architecture.name === 'x32') continue;
    const ranges = searched(architecture);
    let entry: number;
    if (architecture.name === 'x86_64') {
      const x32 = wanted.find(({ name }) => name === 'x32');
      const high =
        x32 === undefined
          ? out.branch(bpf.ifEqual, skippedCall, out.give(list[0] as number), out.give(killThread))
          : out.search(searched(x32), true);
      const low = out.search(ranges, false);
      entry = out.branch(bpf.ifAtLeast, x32Bit, high, low);
    } else {
      entry = out.search(ranges, architecture.narrow);
    }
    entry = out.loadThen(data.number, entry);
    other = out.branch(bpf.ifEqual, architecture.audit, entry, other);
  }
  out.load(data.architecture);
  if (out.length() <= BPF_MAXINSNS) return out.finish();
  throw tooLong(`${out.length()} instructions, and the kernel accepts at most ${BPF_MAXINSNS}`);
}
