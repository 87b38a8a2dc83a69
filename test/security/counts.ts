// SPDX-License-Identifier: Apache-2.0
import type { Attack } from './attacks.ts';
import type { Outcome } from './main.ts';

export interface Peer {
  readonly name: string;
  readonly outcomes: ReadonlyMap<Attack, Outcome>;
}

/** The counts of all attacks by group, as lines of text. */
export function tableOf(
  attacks: readonly Attack[],
  outcomes: ReadonlyMap<Attack, Outcome>,
  seen: ReadonlySet<Attack>,
  peers: readonly Peer[],
): string {
  const groups = [...new Set(attacks.map(({ group }) => group))];
  const row = (name: string, some: readonly Attack[]) => {
    const count = (end: Outcome['end'], of: ReadonlyMap<Attack, Outcome> = outcomes) =>
      some.filter(attack => of.get(attack)?.end === end).length;
    return [
      name,
      some.length - count('untried'),
      count('held'),
      seen.size === 0 ? '-' : some.filter(attack => seen.has(attack)).length,
      ...peers.map(
        peer =>
          `${count('held', peer.outcomes)} of ${count('held', peer.outcomes) + count('fell', peer.outcomes)}`,
      ),
    ].map(String);
  };
  const head = [
    'group',
    'tried',
    'held',
    'succeeds without the defence',
    ...peers.map(({ name }) => `held by ${name}`),
  ];
  const rows = [
    head,
    ...groups.map(group =>
      row(
        group,
        attacks.filter(attack => attack.group === group),
      ),
    ),
    row('all', attacks),
  ];
  const widths = head.map((_, column) => Math.max(...rows.map(cells => cells[column]?.length ?? 0)));
  return rows
    .map(cells =>
      cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
