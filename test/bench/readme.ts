// SPDX-License-Identifier: Apache-2.0
// The table and the picture of the README.
import type { CaseName } from './cases.ts';
import { escapeHtml } from './html.ts';
import { type Samples, values } from './samples.ts';
import { median, ratio } from './statistics.ts';
import { bases, figure, markdown } from './table.ts';

interface Row {
  readonly name: CaseName;
  readonly title: string;
  readonly peak?: true;
}

const rows: readonly Row[] = [
  { name: 'run', title: '`run` of /bin/true: create, start, wait, delete' },
  { name: 'run-seccomp', title: "the same with Docker's seccomp profile" },
  { name: 'create', title: '`create`' },
  { name: 'start', title: '`start`' },
  { name: 'exec', title: '`exec` of /bin/true' },
  { name: 'state', title: '`state`' },
  { name: 'kill', title: '`kill`' },
  { name: 'delete', title: '`delete`' },
  { name: 'list', title: '`list` of stopped containers' },
  { name: 'run', title: 'peak memory of `run`', peak: true },
  { name: 'init', title: 'memory of a created container' },
];

/** The newest crun and the newest runc, as far as they were measured. */
function peers(samples: Samples): string[] {
  const { crun, runc } = bases(samples.columns.map(({ name }) => name));
  return [crun, runc].filter(name => name !== undefined);
}

function medianOf(samples: Samples, column: string, row: Row): number | undefined {
  const series = samples.series[column]?.[row.name];
  return median(row.peak === true ? (series?.peakKiB ?? []) : values(series, row.name));
}

/** tsubo's medians divided by those of crun and runc, with the sentence above them. */
export function readmeTable(samples: Samples): string {
  const others = peers(samples);
  const table = markdown(
    ['', ...others.map(name => `of ${name.split('-')[0]}`)],
    rows.map(row => [
      row.name === 'list' ? `\`list\` of ${samples.entries.toLocaleString('en')} containers` : row.title,
      ...others.map(name => figure(ratio(medianOf(samples, 'tsubo', row), medianOf(samples, name, row)))),
    ]),
  );
  const versions = others.map(name => name.replace('-', ' ')).join(' and ');
  return [
    `Medians of ${samples.rounds} interleaved rounds in one run of \`npm run bench\` with the default bundle on cgroup v2, Linux ${samples.kernel.replace(/[^\d.].*$/, '')},`,
    `beside ${versions} ([how, and where each millisecond goes](test/bench/README.md)):`,
    '',
    table,
  ].join('\n');
}

const begin = '<!-- npm run bench -- --readme writes the lines from here -->';
const end = '<!-- to here -->';

/**
 * The README with another table.
 *
 * @throws Error if the two comments that enclose the table are missing
 */
export function withTable(readme: string, table: string): string {
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  if (from < 0 || to < from) throw new Error(`README.md lacks the lines ${begin} and ${end}`);
  return `${readme.slice(0, from)}${begin}\n\n${table}\n\n${readme.slice(to)}`;
}

/** Why the measurement is not fit for the README; undefined if it is. */
export function unfit(samples: Samples): string | undefined {
  if (samples.rounds < 20) return `${samples.rounds} rounds are fewer than 20`;
  if (samples.gaveUp + samples.disturbed > samples.rounds / 10) return 'the machine was not quiet';
  const missing = rows.find(row => medianOf(samples, 'tsubo', row) === undefined);
  if (missing !== undefined) return `the case ${missing.name} of tsubo was not measured`;
  return peers(samples).length < 2 ? 'crun or runc was not measured' : undefined;
}

const left = 110;
const width = 560;
const rowHeight = 34;
const colours = { tsubo: '#c2572b', crun: '#5b7fa6', runc: '#8a94a0' };

/** A picture of the times, one line for each command, on a logarithmic axis. It suits light and dark pages. */
export function picture(samples: Samples): string {
  const names = ['tsubo', ...peers(samples)];
  const timed = rows.filter(row => row.name !== 'init' && row.peak !== true);
  const times = timed.map(row =>
    names.flatMap(name => {
      const ms = medianOf(samples, name, row);
      return ms === undefined ? [] : [{ name, family: name.split('-')[0] as keyof typeof colours, ms }];
    }),
  );
  const all = times.flat().map(({ ms }) => ms);
  const low = 10 ** Math.floor(Math.log10(Math.min(...all)));
  const high = 10 ** Math.ceil(Math.log10(Math.max(...all)));
  const x = (ms: number): string => (left + (Math.log(ms / low) / Math.log(high / low)) * width).toFixed(1);
  const bottom = 40 + timed.length * rowHeight;
  const grid: string[] = [];
  for (let tick = low; tick <= high * 1.01; tick *= 10) {
    grid.push(
      `<line x1="${x(tick)}" x2="${x(tick)}" y1="30" y2="${bottom - 8}" class="grid"/>`,
      `<text x="${x(tick)}" y="${bottom + 10}" text-anchor="middle">${Number(tick.toPrecision(3))} ms</text>`,
    );
  }
  const drawn = timed.flatMap((row, i) => {
    const y = 40 + i * rowHeight + 8;
    const own = [...(times[i] ?? [])].sort((a, b) => a.ms - b.ms);
    const first = own[0];
    const last = own.at(-1);
    if (first === undefined || last === undefined) return [];
    return [
      `<text x="${left - 14}" y="${y + 4}" text-anchor="end">${escapeHtml(row.name)}</text>`,
      `<line x1="${x(first.ms)}" x2="${x(last.ms)}" y1="${y}" y2="${y}" class="span"/>`,
      ...own.map(
        ({ name, family, ms }) =>
          `<circle cx="${x(ms)}" cy="${y}" r="6" fill="${colours[family]}"><title>${escapeHtml(`${row.name} of ${name}: ${figure(ms)} ms`)}</title></circle>`,
      ),
    ];
  });
  const legend = names.map((name, i) => {
    const at = left + i * 120;
    return `<circle cx="${at}" cy="14" r="6" fill="${colours[name.split('-')[0] as keyof typeof colours]}"/><text x="${at + 12}" y="18">${escapeHtml(name.replace('-', ' '))}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${left + width + 30} ${bottom + 20}" role="img" aria-label="Times of commands in ms, on a logarithmic axis">
<style>text { font: 13px system-ui, sans-serif; fill: #57606a } .grid { stroke: #8a94a0; stroke-opacity: .3 } .span { stroke: #8a94a0; stroke-opacity: .6; stroke-width: 2 }
@media (prefers-color-scheme: dark) { text { fill: #b6bec8 } }</style>
${[...legend, ...grid, ...drawn].join('\n')}
</svg>
`;
}
