// SPDX-License-Identifier: Apache-2.0

/**
 * The entry of a table for a name that others chose (a config, an argument, a file of the kernel). `table[name]` would also
 * find what every object inherits: `constructor`, `toString`, `__proto__`.
 */
export function lookUp<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
