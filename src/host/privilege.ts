// SPDX-License-Identifier: Apache-2.0
import type { Binding } from './binding.d.ts';

/** True when not all ids of the machine are ours. */
export function inUserNamespace(binding: Binding): boolean {
  const map = binding.readTextIfThere('/proc/self/uid_map') ?? '';
  return map !== '' && !/^\s*0\s+0\s+4294967295\s*$/.test(map);
}

/** True for root of the machine, not for that of a user namespace. */
export function isMachineRoot(binding: Binding): boolean {
  return binding.identity().euid === 0 && !inUserNamespace(binding);
}
