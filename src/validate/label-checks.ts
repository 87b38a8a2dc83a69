// SPDX-License-Identifier: Apache-2.0

import type { ErrorFields } from '../errors/error.ts';
import { isSystemError } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { MAGIC } from '../kernel/files.ts';
import type { Process } from '../oci/config.ts';

/**
 * Reports labels that no security module of this kernel supports: running without a requested label would remove a
 * protection. The messages are those of runc.
 *
 * @param at - the pointer of a property of the process
 */
export function checkLabels(
  binding: Binding,
  process: Pick<Process, 'apparmorProfile' | 'selinuxLabel'>,
  at: (name: string) => string,
  mountLabel = '',
): ErrorFields[] {
  const { apparmorProfile, selinuxLabel } = process;
  const found: ErrorFields[] = [];
  if (apparmorProfile && !hasAppArmor(binding)) {
    found.push({
      code: 'host.unsupported',
      message: 'apparmor: config provided but apparmor not supported',
      pointer: at('apparmorProfile') || undefined,
      value: apparmorProfile,
      hint: 'this kernel runs without AppArmor (/sys/module/apparmor/parameters/enabled): leave the profile out',
      spec: 'config.md#linux-process',
    });
  }
  const labels = [
    { label: selinuxLabel, pointer: at('selinuxLabel') || undefined, spec: 'config.md#linux-process' },
    { label: mountLabel, pointer: '/linux/mountLabel', spec: 'config-linux.md#mount-label' },
  ].filter(({ label }) => label);
  if (labels.length > 0 && !hasSelinux(binding)) {
    for (const { label, pointer, spec } of labels) {
      found.push({
        code: 'host.unsupported',
        message: 'selinux label is specified in config, but selinux is disabled or not supported',
        pointer,
        value: label,
        hint: 'this kernel runs without SELinux (/sys/fs/selinux): leave the label out',
        spec,
      });
    }
  }
  return found;
}

function hasAppArmor(binding: Binding): boolean {
  try {
    return binding.readText('/sys/module/apparmor/parameters/enabled').startsWith('Y');
  } catch (error) {
    if (isSystemError(error)) return false;
    throw error;
  }
}

function hasSelinux(binding: Binding): boolean {
  // f_type is signed on some machines.
  return (binding.filesystemType('/sys/fs/selinux') ?? 0) >>> 0 === MAGIC.SELINUX_MAGIC;
}
