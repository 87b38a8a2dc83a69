// SPDX-License-Identifier: Apache-2.0
import type { Binding } from '../host/binding.d.ts';
import { O } from '../kernel/files.ts';

/** Replaces standard input of this process by /dev/null. */
export function useNoInput(binding: Binding): void {
  if (binding.isOpen(0)) binding.close(0);
  // Opens 0, because that is the lowest free descriptor.
  binding.open('/dev/null', O.O_RDONLY, 0);
}
