// SPDX-License-Identifier: Apache-2.0
import type { Step } from '../wire/steps.ts';
import type { ProcessContext } from './context.ts';

type LabelContext = Pick<ProcessContext, 'process' | 'origin'>;

/**
 * process.selinuxLabel and process.apparmorProfile, for the next exec. Empty ones are ignored. These steps run while
 * the executor may still mount a procfs, and before a seccomp filter may forbid it. The executor tries AppArmor's own
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

/** Labels the new session keyring with the context of the container's processes. The exec clears it. */
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

/** linux.mountLabel of a file system that accepts no context option when it is made. */
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
