// SPDX-License-Identifier: Apache-2.0

/**
 * Adds the items of a list whose length a config determines. `push(...items)` passes them as arguments, of which the
 * standalone host allows 65,535.
 */
export function append<T>(list: T[], items: readonly T[]): void {
  for (const item of items) list.push(item);
}
