// SPDX-License-Identifier: Apache-2.0
import type { HostFacts } from '../host/facts.ts';
import type { Seccomp } from '../oci/seccomp.ts';
import { compileSeccomp } from '../seccomp/compile.ts';
import type { Step } from '../wire/steps.ts';
import { SECCOMP_FILTER_FLAG } from './kernel-flags.ts';

/**
 * linux.seccomp of a checked config as the step that loads it.
 *
 * @throws RuntimeError `config.seccomp.size` for a filter that is longer than the kernel takes
 */
export function seccompStep(profile: Seccomp, machine: HostFacts['machine']): Step {
  const words = compileSeccomp(profile, machine);
  let flags = 0;
  // Without a word on flags: no slower for a mitigation that the program has not asked for.
  for (const flag of profile.flags ?? (['SECCOMP_FILTER_FLAG_SPEC_ALLOW'] as const)) {
    // The init has one thread: there are no others to be given the filter.
    if (flag !== 'SECCOMP_FILTER_FLAG_TSYNC') flags |= SECCOMP_FILTER_FLAG[flag];
  }
  const program = new BigUint64Array(words.buffer, words.byteOffset, words.length / 2);
  return { op: 'loadSeccomp', origin: '/linux/seccomp', program, flags };
}
