// SPDX-License-Identifier: Apache-2.0

export interface Outcome {
  readonly state: 'passed' | 'failed' | 'skipped';
  readonly seconds: number;
  /** Why it did not pass. */
  readonly reason?: string;
}

/** One flow with both runtimes; undefined if that runtime was not selected. */
export interface Row {
  readonly engine: string;
  readonly flow: string;
  readonly runc: Outcome | undefined;
  readonly tsubo: Outcome | undefined;
}

/** The verdict about tsubo: a flow that fails with runc too is skipped, because the machine cannot do it. */
function verdict({ runc, tsubo }: Row): 'passed' | 'failed' | 'skipped' {
  const state = tsubo?.state ?? runc?.state ?? 'skipped';
  return state === 'failed' && tsubo !== undefined && runc !== undefined && runc.state !== 'passed'
    ? 'skipped'
    : state;
}

/**
 * The table, what was left behind, the names of the failed flows, and the counts.
 * @param left what the engines have left on the machine: each counts as a failure
 */
export function render(rows: readonly Row[], left: readonly string[]): { text: string; failed: number } {
  const counts = { passed: 0, failed: left.length, skipped: 0 };
  for (const row of rows) counts[verdict(row)] += 1;
  if (rows.length === 0) counts.failed += 1;
  const cells = rows.map(row => [row.engine, row.flow, shown(row.tsubo), shown(row.runc)]);
  const all = [['engine', 'flow', 'tsubo', 'runc'], ...cells];
  const widths = [0, 1, 2].map(column => Math.max(...all.map(cell => cell[column]?.length ?? 0)));
  const lines = all.map(cell =>
    cell
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const skipped = rows
    .filter(row => verdict(row) === 'skipped')
    .map(row => `skipped: ${row.engine}: ${row.flow}: ${firstLine((row.runc ?? row.tsubo)?.reason)}`);
  const failures = [
    ...(rows.length === 0 ? ['no flow was selected'] : []),
    ...rows.filter(row => verdict(row) === 'failed').map(row => `${row.engine}: ${row.flow}`),
    ...left.map(trace => `left on the machine: ${trace}`),
  ].map(text => `failed: ${text}`);
  const count = `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`;
  return { text: ['', ...lines, '', ...skipped, ...failures, count].join('\n'), failed: counts.failed };
}

const shown = (outcome: Outcome | undefined) =>
  outcome === undefined
    ? '-'
    : outcome.state === 'passed'
      ? `${outcome.seconds.toFixed(1)} s`
      : outcome.state;

const firstLine = (text = '') => text.split('\n')[0] ?? '';
