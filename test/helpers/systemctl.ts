// SPDX-License-Identifier: Apache-2.0
import type { Sandbox } from './sandbox.ts';

/** Output of `systemctl show` for a unit; all properties if none is named. Lists are sorted, one line each. */
export function show(box: Sandbox, unit: string, ...properties: string[]): Record<string, string> {
  const text = box.view.sh('systemctl show --no-pager "$@"', unit, ...properties.map(name => `-p${name}`));
  const found = new Map<string, string[]>();
  for (const line of text.trim().split('\n')) {
    const name = line.slice(0, line.indexOf('='));
    found.set(name, [...(found.get(name) ?? []), line.slice(name.length + 1)].sort());
  }
  return Object.fromEntries([...found].map(([name, values]) => [name, values.join('\n')]));
}
