// SPDX-License-Identifier: Apache-2.0

import { errno } from '../errors/errno.ts';
import type { HostFacts } from '../host/facts.ts';
import { SECCOMP_FILTER_FLAG } from '../kernel/seccomp.ts';
import type { Seccomp } from '../oci/seccomp.ts';
import { compileSeccomp } from '../seccomp/compile.ts';
import type { LoadSeccomp } from './context.ts';
import type { Facility } from './facility.ts';
import { flagNames } from './flag-names.ts';

/** Returns true if the profile has SCMP_ACT_NOTIFY. */
function notifies({ syscalls = [] }: Seccomp): boolean {
  return syscalls.some(({ action }) => action === 'SCMP_ACT_NOTIFY');
}

/**
 * linux.seccomp of a checked config as the step that loads it.
 *
 * @throws RuntimeError `config.seccomp.size` for a filter that is longer than the kernel takes
 */
export function seccompStep(profile: Seccomp, machine: HostFacts['machine']): LoadSeccomp {
  const words = compileSeccomp(profile, machine);
  let flags = 0;
  // Default flags: SPEC_ALLOW turns off a speculation mitigation that would slow the program down.
  for (const flag of profile.flags ?? (['SECCOMP_FILTER_FLAG_SPEC_ALLOW'] as const)) {
    // TSYNC has no effect: the init has one thread.
    if (flag !== 'SECCOMP_FILTER_FLAG_TSYNC') flags |= SECCOMP_FILTER_FLAG[flag];
  }
  const { SECCOMP_FILTER_FLAG_NEW_LISTENER, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV } = SECCOMP_FILTER_FLAG;
  // WAIT_KILLABLE_RECV configures a listener; without one the kernel refuses it.
  if (notifies(profile)) flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
  else flags &= ~SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  const program = new BigUint64Array(words.buffer, words.byteOffset, words.length / 2);
  return { op: 'loadSeccomp', origin: '/linux/seccomp', program, flags };
}

const steps = {
  /**
   * seccomp(2) SECCOMP_SET_MODE_FILTER. `program` is classic BPF, each number one struct sock_filter in little endian
   * order; `flags` are SECCOMP_FILTER_FLAG_*. With NEW_LISTENER, the runtime first gets the number of the descriptor
   * (a `waiting` report); it then copies the descriptor from the init and sends it to the listener before the init
   * resumes.
   */
  loadSeccomp: { program: 'numbers', flags: 'number' },
} as const;

/** The seccomp filter. */
export const seccompFacility: Facility<typeof steps> = {
  steps,
  explain: {
    loadSeccomp: (_, { called, stepText }) => ({
      code: 'container.seccomp',
      message: `error loading seccomp filter: ${called}`,
      value: stepText(),
    }),
  },
  hints: () => ({
    loadSeccomp: {
      [errno.EBUSY]: 'the runtime already has a filter with a listener, and a process can have only one',
      [errno.EACCES]: 'loading a filter needs CAP_SYS_ADMIN, or process.noNewPrivileges',
      [errno.EINVAL]: 'this kernel has no seccomp filters, or does not support one of the flags',
      [errno.ENOSYS]: 'this kernel has no seccomp filters',
      [errno.ENOMEM]:
        'all filters of a process together have a size limit, and the runtime may already have filters',
    },
  }),
  fields: { loadSeccomp: { flags: value => flagNames(value, SECCOMP_FILTER_FLAG) } },
};
