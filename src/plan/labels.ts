// SPDX-License-Identifier: Apache-2.0
import type { Step } from '../wire/steps.ts';
import type { ProcessContext } from './context.ts';

type LabelContext = Pick<ProcessContext, 'process' | 'origin'>;

/**
 * process.selinuxLabel and process.apparmorProfile, for the program that is executed next. Empty ones ask for nothing.
 * While the executor may still mount a procfs, and before a seccomp filter may forbid it; AppArmor's file of its own
 * goes before the one that it shares.
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

/** A new session keyring belongs to the processes of the container: it gets their context. The exec clears it. */
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

/** File systems whose contexts the policy or the kernel decides; that of mqueue can be changed once it is mounted. */
const ownLabels: readonly string[] = ['proc', 'sysfs', 'mqueue', 'cgroup', 'cgroup2'];

/** linux.mountLabel of a file system that takes no context when it is made. */
export function laterLabel(label: string | undefined, fstype: string): Step[] {
  if (!label || fstype !== 'mqueue') return [];
  return [{ op: 'labelMount', origin: '/linux/mountLabel', label }];
}

/** linux.mountLabel as an option of a new file system, unless the config gives it a context already. */
export function contextOption(
  label: string | undefined,
  fstype: string,
  options: readonly string[],
): string[] {
  if (!label || ownLabels.includes(fstype)) return [];
  return options.some(option => /^(fs|def|root)?context=/.test(option)) ? [] : [`context=${label}`];
}
