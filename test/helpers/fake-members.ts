// SPDX-License-Identifier: Apache-2.0
import * as fs from 'node:fs';
import { join } from 'node:path';
import { isPaused } from '../../src/cgroup/freezer.ts';
import type { Binding, MembersRequest } from '../../src/host/binding.d.ts';
import { initRuns } from '../../src/lifecycle/init-process.ts';

/**
 * Behaves like `readMembers` of the binding, with a parser for whole documents and two rows per text. Processes are those
 * of `binding`.
 */
export function readMembers(binding: Binding, request: MembersRequest): string[] {
  const { directory, file, texts, numbers, objects, process } = request;
  const names = fs.readdirSync(directory, { withFileTypes: true }).filter(entry => entry.isDirectory());
  const rows = names
    .map(({ name }) => name)
    .sort()
    .map(name => {
      const path = join(directory, name, file);
      const owner = fs.statSync(path, { throwIfNoEntry: false })?.uid ?? '';
      const wanted = [...texts, ...numbers, ...objects];
      const values = [name, owner, ...(members(path, wanted) ?? ['', ...wanted.map(() => '')])];
      if (process !== undefined) {
        const found = members(path, [process.pid, process.startTime, process.cgroup])?.slice(1) ?? [];
        values.push(...facts(binding, found, join(directory, name, process.fifo)));
      }
      return values.map(value => `${value}\0`).join('');
    });
  return Array.from({ length: Math.ceil(rows.length / 2) }, (_, i) => rows.slice(2 * i, 2 * i + 2).join(''));
}

/** The pid and what is known about its process. */
function facts(binding: Binding, [pid, startTime, cgroup]: string[], fifo: string): string[] {
  if (!pid || !startTime) return ['', ''];
  try {
    if (!initRuns(binding, { pid: Number(pid), startTime: Number(startTime) })) return ['0', ''];
    if (cgroup && isPaused(binding, cgroup)) return [pid, 'frozen'];
    return [pid, binding.stat(fifo) === undefined ? '' : 'waits'];
  } catch {
    return ['', ''];
  }
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
