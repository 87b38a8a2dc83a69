// SPDX-License-Identifier: Apache-2.0

/**
 * Returns the entry of a table for a name from a config, an argument or a file of the kernel. `table[name]` would also
 * find members that every object inherits: `constructor`, `toString`, `__proto__`.
 */
export function lookUp<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
