// SPDX-License-Identifier: Apache-2.0
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { MembersRequest } from '../../src/host/binding.d.ts';

/** Behaves like `readMembers` of the binding, with a parser for whole documents and two rows per text. */
export function readMembers({ directory, file, texts, numbers, objects }: MembersRequest): string[] {
  const names = fs.readdirSync(directory, { withFileTypes: true }).filter(entry => entry.isDirectory());
  const rows = names
    .map(({ name }) => name)
    .sort()
    .map(name => {
      const path = join(directory, name, file);
      const owner = fs.statSync(path, { throwIfNoEntry: false })?.uid ?? '';
      const wanted = [...texts, ...numbers, ...objects];
      const values = [name, owner, ...(members(path, wanted) ?? ['', ...wanted.map(() => '')])];
      return values.map(value => `${value}\0`).join('');
    });
  return Array.from({ length: Math.ceil(rows.length / 2) }, (_, i) => rows.slice(2 * i, 2 * i + 2).join(''));
}

/** The number of members, then the requested ones. */
function members(path: string, names: readonly string[]): string[] | undefined {
  try {
    const text = fs.readFileSync(path, 'utf8');
    if (text.includes('\\')) return undefined;
    const document = JSON.parse(text);
    const values = names.map(name => {
      const value = name.split('.').reduce((at, part) => at?.[part], document) ?? '';
      return typeof value === 'object' ? JSON.stringify(value) : String(value);
    });
    return [String(Object.keys(document).length), ...values];
  } catch {
    return undefined;
  }
}
