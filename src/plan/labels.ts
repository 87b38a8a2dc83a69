// SPDX-License-Identifier: Apache-2.0

import { errno } from '../errors/errno.ts';
import type { Step } from '../wire/steps.ts';
import type { ProcessContext } from './context.ts';
import { explainMount } from './explain-mount.ts';
import type { Facility } from './facility.ts';

type LabelContext = Pick<ProcessContext, 'process' | 'origin'>;

/**
 * process.selinuxLabel and process.apparmorProfile, for the next exec. Empty ones are ignored. These steps run while
 * the executor may still mount a procfs, and before a seccomp filter may forbid the mount. The executor tries AppArmor's own
 * file before the shared one.
 */
export function labelSteps({ process, origin }: LabelContext): Step[] {
  const { selinuxLabel, apparmorProfile } = process;
  const steps: Step[] = [];
  const op = 'setSecurityAttribute';
  if (selinuxLabel) {
    steps.push({ op, origin: origin('selinuxLabel'), names: ['exec'], value: selinuxLabel });
  }
  if (apparmorProfile) {
    const names = ['apparmor/exec', 'exec'];
    steps.push({ op, origin: origin('apparmorProfile'), names, value: `exec ${apparmorProfile}` });
  }
  return steps;
}

/** Labels the new session keyring with the context of the container's processes. The kernel clears keycreate at exec. */
export function keyLabelSteps({ process, origin }: LabelContext): Step[] {
  if (!process.selinuxLabel) return [];
  return [
    {
      op: 'setSecurityAttribute',
      origin: origin('selinuxLabel'),
      names: ['keycreate'],
      value: process.selinuxLabel,
    },
  ];
}

/** File systems whose contexts come from the policy or the kernel; the context of mqueue can be changed after the mount. */
const ownLabels: readonly string[] = ['proc', 'sysfs', 'mqueue', 'cgroup', 'cgroup2'];

/** Sets linux.mountLabel after the mount, if the file system accepts no context option. */
export function labelAfterMount(label: string | undefined, fstype: string): Step[] {
  if (!label || fstype !== 'mqueue') return [];
  return [{ op: 'labelMount', origin: '/linux/mountLabel', label }];
}

/** linux.mountLabel as an option of a new file system, unless the config already has a context option. */
export function contextOption(
  label: string | undefined,
  fstype: string,
  options: readonly string[],
): string[] {
  if (!label || ownLabels.includes(fstype)) return [];
  return options.some(option => /^(fs|def|root)?context=/.test(option)) ? [] : [`context=${label}`];
}

const steps = {
  /** Sets the SELinux context of the root of the newest mount, for file systems without a context option. */
  labelMount: { label: 'text' },
  /**
   * Writes `value` to the first existing file of `names` below /proc/self/attr, through a procfs that the executor
   * mounts.
   */
  setSecurityAttribute: { names: 'texts', value: 'text' },
} as const;

/** Labels of security modules. */
export const labelsFacility: Facility<typeof steps> = {
  steps,
  explain: {
    labelMount: (_, failure) => explainMount(failure),
    setSecurityAttribute: ({ names, value }, { called }) => {
      const apparmor = names.includes('apparmor/exec');
      const attempt = apparmor ? 'unable to apply apparmor profile' : 'unable to set the SELinux label';
      return { code: 'container.label', message: `${attempt}: ${called}`, value };
    },
  },
  hints: () => ({
    labelMount: {
      [errno.EOPNOTSUPP]: 'the policy gives this file system a context that cannot be changed (genfscon)',
      [errno.EINVAL]: 'the policy does not define this context',
      [errno.EACCES]: 'the policy does not permit the runtime to make this change',
    },
    setSecurityAttribute: {
      [errno.ENOENT]: 'no profile of this name is loaded; aa-status lists the loaded ones',
      [errno.EINVAL]: 'the security module has no such profile or context; check which module is active',
      [errno.EACCES]: 'the policy does not permit the runtime to make this change',
      [errno.EPERM]: 'the policy does not permit the runtime to make this change',
    },
  }),
};
