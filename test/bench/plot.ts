// SPDX-License-Identifier: Apache-2.0
// A self-contained page with box plots: no script, no other files, light or dark by the setting of the reader.
import { type CaseName, cases } from './cases.ts';
import { escapeHtml } from './html.ts';
import { type Samples, values } from './samples.ts';
import { scalePlots } from './scale-plot.ts';
import { median, quantile, ratio, summarize } from './statistics.ts';
import { bases, figure } from './table.ts';

const left = 150;
const plotWidth = 620;
const rowHeight = 30;

const style = `
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --faint: #d5dae0; --other: #8a94a0; --tsubo: #b4532a; --floor: #3a7d5c; --crun: #3f6fa3 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #dfe4ea; --paper: #15181c; --faint: #343b44; --other: #7d8894; --tsubo: #e08a5b; --floor: #6bb894; --crun: #86b0de }
}
body { margin: 2rem auto; max-width: 52rem; padding: 0 1rem; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
h2 { margin: 2.2rem 0 0; font-size: 1.1rem } p { margin: .2rem 0 .6rem }
svg { width: 100%; height: auto } text { fill: var(--ink); font: 12px system-ui, sans-serif }
.grid { stroke: var(--faint) } .whisker { stroke: var(--ink) } .median { stroke: var(--ink); stroke-width: 2 }
.box { fill: var(--other) } .tsubo { fill: var(--tsubo) } .floor { fill: var(--floor) }
circle { fill: var(--other) } circle.tsubo { fill: var(--tsubo) } circle.crun { fill: var(--crun) }
.line { fill: none; stroke: var(--other); stroke-width: 2 } .line.tsubo { stroke: var(--tsubo) } .line.crun { stroke: var(--crun) } .dashed { stroke-dasharray: 5 4 }
`;

/** A step that yields at most eight grid lines: 1, 2 or 5 times a power of ten. */
export function gridStep(largest: number): number {
  if (!(largest > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(largest / 8));
  return power * ([1, 2, 5, 10].find(times => largest / (power * times) <= 8) ?? 10);
}

/** The whole page. `text` is printed on top, unchanged. */
export function page(samples: Samples, only: ReadonlySet<CaseName>, text: string): string {
  const plots = cases
    .filter(one => only.has(one.name))
    .map(
      one =>
        `<h2>${one.name}</h2><p>${escapeHtml(one.what)}</p>${boxes(samples, one.name)}${ratios(samples, one.name)}`,
    );
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>tsubo beside other runtimes</title><style>${style}</style>
<h1>tsubo beside other runtimes</h1>
${text
  .split('\n')
  .map(line => `<p>${escapeHtml(line)}</p>`)
  .join('\n')}
<p>Box: the middle half of the rounds, with the median in it; whiskers: 5 % and 95 %.</p>
${plots.join('\n')}
${scalePlots(samples.scale ?? [])}
</html>
`;
}

/** The median of tsubo divided by those of the others. */
function ratios(samples: Samples, name: CaseName): string {
  const { crun, runc, floor } = bases(samples.columns.map(column => column.name));
  const of = (column: string | undefined): number | undefined =>
    column === undefined ? undefined : median(values(samples.series[column]?.[name], name));
  const known = [crun, runc, floor].flatMap(column => {
    const value = ratio(of('tsubo'), of(column));
    return value === undefined ? [] : [`${figure(value)} of ${column}`];
  });
  return known.length === 0 ? '' : `<p>tsubo: ${escapeHtml(known.join(', '))}</p>`;
}

function boxes(samples: Samples, name: CaseName): string {
  const rows = samples.columns.flatMap(column => {
    const sorted = [...values(samples.series[column.name]?.[name], name)].sort((a, b) => a - b);
    const summary = summarize(sorted);
    if (summary === undefined) return [];
    return [{ column: column.name, ...summary, low: quantile(sorted, 0.05), high: quantile(sorted, 0.95) }];
  });
  if (rows.length === 0) return '<p>Not measured.</p>';
  const unit = name === 'init' ? 'KiB' : 'ms';
  const decimals = name === 'init' ? 0 : 2;
  const largest = Math.max(...rows.map(row => row.high)) * 1.08;
  const x = (value: number): string => (left + (value / largest) * plotWidth).toFixed(1);
  const height = rows.length * rowHeight + 24;
  const grid: string[] = [];
  const step = gridStep(largest);
  for (let value = 0; value <= largest; value += step) {
    grid.push(
      `<line class="grid" x1="${x(value)}" x2="${x(value)}" y1="0" y2="${height - 20}"/>`,
      `<text x="${x(value)}" y="${height - 5}" text-anchor="middle">${Number(value.toPrecision(6))}</text>`,
    );
  }
  const drawn = rows.map((row, i) => {
    const y = i * rowHeight + rowHeight / 2;
    const kind = row.column.startsWith('tsubo') ? 'tsubo' : row.column === 'floor' ? 'floor' : '';
    const tooltip = `${row.column}: median ${figure(row.median, decimals)} ${unit}, half between ${figure(row.p25, decimals)} and ${figure(row.p75, decimals)}, ${row.count} rounds`;
    const width = Math.max(1, Number(x(row.p75)) - Number(x(row.p25))).toFixed(1);
    return `<g><title>${escapeHtml(tooltip)}</title>
<text x="${left - 8}" y="${y + 4}" text-anchor="end">${escapeHtml(row.column)}</text>
<line class="whisker" x1="${x(row.low)}" x2="${x(row.high)}" y1="${y}" y2="${y}"/>
<rect class="box ${kind}" x="${x(row.p25)}" width="${width}" y="${y - 8}" height="16"/>
<line class="median" x1="${x(row.median)}" x2="${x(row.median)}" y1="${y - 8}" y2="${y + 8}"/>
<text x="${Number(x(row.high)) + 6}" y="${y + 4}">${figure(row.median, decimals)}</text></g>`;
  });
  return `<svg viewBox="0 0 ${left + plotWidth + 60} ${height}" role="img" aria-label="${name} in ${unit}">
${grid.join('\n')}
${drawn.join('\n')}
<text x="${left + plotWidth + 56}" y="${height - 5}" text-anchor="end">${unit}</text></svg>`;
}
