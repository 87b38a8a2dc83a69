// SPDX-License-Identifier: Apache-2.0
import type { Binding } from './binding.d.ts';

/** Returns true if the user namespace of this process does not map all ids. */
export function inUserNamespace(binding: Binding): boolean {
  const map = binding.readTextIfThere('/proc/self/uid_map') ?? '';
  return map !== '' && !/^\s*0\s+0\s+4294967295\s*$/.test(map);
}

/** Returns true for root in the initial user namespace only. */
export function isMachineRoot(binding: Binding): boolean {
  return binding.identity().euid === 0 && !inUserNamespace(binding);
}
