// SPDX-License-Identifier: Apache-2.0
import { type Case, type CaseName, cases } from './cases.ts';
import { type Samples, type Series, values } from './samples.ts';
import { drift, median, ratio, summarize } from './statistics.ts';

/** The columns of the denominators of the ratios: the newest crun and runc, and the floor. */
export function bases(
  columns: readonly string[],
): Readonly<Record<'crun' | 'runc' | 'floor', string | undefined>> {
  return {
    crun: columns.find(name => name.startsWith('crun')),
    runc: columns.find(name => name.startsWith('runc')),
    floor: columns.find(name => name === 'floor'),
  };
}

/** A Markdown table; the first column is text, the others are numbers. */
export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, 2, ...rows.map(row => (row[i] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`;
  const rule = `| ${widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

/** A number with this many decimals, `-` if it is undefined. */
export function figure(value: number | undefined, decimals = 2): string {
  return value === undefined ? '-' : value.toFixed(decimals);
}

function percent(value: number | undefined): string {
  return value === undefined ? '-' : `${value < 0 ? '-' : '+'}${Math.abs(value * 100).toFixed(0)} %`;
}

/** The whole report: the conditions of the measurement, then one table for each measured case. */
export function report(samples: Samples, only: ReadonlySet<CaseName>): string {
  const parts = [head(samples)];
  for (const one of cases) {
    if (!only.has(one.name)) continue;
    parts.push(`### ${one.name}: ${one.what}\n\n${tableOf(samples, one)}`);
  }
  const moved = worstDrift(samples);
  if (moved !== undefined) parts.push(moved);
  return `${parts.join('\n\n')}\n`;
}

function head(samples: Samples): string {
  const notes = samples.columns.flatMap(({ name, note }) => (note === undefined ? [] : [`${name} ${note}.`]));
  return [
    `Measured ${samples.began}, Linux ${samples.kernel}, ${samples.processors} processors; load before ${samples.loadBefore}, after ${samples.loadAfter}.`,
    `${samples.rounds} rounds, warm, each column in turn in every round; ${samples.repeated} more were disturbed and measured again. ${quietness(samples)}`,
    `Bundle: the config of \`runc spec\` on cgroup v2, without a terminal. list finds ${samples.entries} stopped containers.`,
    ...notes,
    'Times in ms from exec to the reaped end; peak: largest resident set of the command and of what it waited for; calls: system calls of the command + of what it started until its end (container included); drift: second half of the rounds against the first.',
  ].join('\n');
}

function quietness({ gaveUp, disturbed, foreign }: Samples): string {
  const share = `median share of other programs: ${figure(median(foreign), 0)} % of the processors`;
  return gaveUp + disturbed === 0
    ? `All of them began on an idle machine and were not disturbed (${share}).`
    : `NOT QUIET: ${gaveUp} began on a busy machine, and ${disturbed} were disturbed by other programs (${share}): p25 and cpu are more reliable than the median.`;
}

/** Cases that the floor supports too. */
function hasFloor(name: CaseName): boolean {
  return name.startsWith('run') && name !== 'run-seccomp-cold' && name !== 'run-ports';
}

function tableOf(samples: Samples, one: Case): string {
  const { crun, floor } = bases(samples.columns.map(column => column.name));
  const base = (name: string | undefined): number | undefined =>
    name === undefined ? undefined : median(values(samples.series[name]?.[one.name], one.name));
  const rows = samples.columns.flatMap(({ name }) => {
    const series = samples.series[name]?.[one.name];
    if (series === undefined) return [];
    const row = one.name === 'init' ? memoryRow(series) : timeRow(series);
    const own = median(values(series, one.name));
    return [
      [
        name,
        ...row,
        figure(ratio(own, base(crun))),
        ...(hasFloor(one.name) ? [figure(ratio(own, base(floor)))] : []),
        percent(drift(values(series, one.name))),
        String(series.failed),
      ],
    ];
  });
  const measures =
    one.name === 'init'
      ? ['p25 KiB', 'private KiB', 'p75 KiB', 'Pss KiB']
      : ['p25', 'median', 'p75', 'min', 'cpu', 'peak MiB', 'calls'];
  const titles = [
    '',
    ...measures,
    `/ ${crun ?? 'crun'}`,
    ...(hasFloor(one.name) ? ['/ floor'] : []),
    'drift',
    'failed',
  ];
  const failures = samples.columns.flatMap(({ name }) => {
    const error = samples.series[name]?.[one.name]?.error;
    return error === undefined ? [] : [`${name} failed: ${error}`];
  });
  return [markdown(titles, rows), ...failures].join('\n');
}

function timeRow(series: Series): string[] {
  const wall = summarize(series.wallUs.map(us => us / 1000));
  const peak = summarize(series.peakKiB);
  const { syscalls } = series;
  return [
    figure(wall?.p25),
    figure(wall?.median),
    figure(wall?.p75),
    figure(wall?.min),
    figure(median(series.cpuUs.map(us => us / 1000))),
    figure(peak === undefined ? undefined : peak.max / 1024, 1),
    syscalls === undefined ? '-' : `${syscalls.own} + ${syscalls.others}`,
  ];
}

function memoryRow(series: Series): string[] {
  const own = summarize(series.privateKiB);
  return [
    figure(own?.p25, 0),
    figure(own?.median, 0),
    figure(own?.p75, 0),
    figure(median(series.proportionalKiB), 0),
  ];
}

function worstDrift(samples: Samples): string | undefined {
  const all = samples.columns.flatMap(({ name }) =>
    cases.flatMap(one => {
      const moved = drift(values(samples.series[name]?.[one.name], one.name));
      return moved === undefined ? [] : [{ what: `${one.name} of ${name}`, moved }];
    }),
  );
  const worst = all.reduce<(typeof all)[number] | undefined>(
    (most, one) => (most === undefined || Math.abs(one.moved) > Math.abs(most.moved) ? one : most),
    undefined,
  );
  const middle = median(all.map(one => Math.abs(one.moved)));
  if (worst === undefined || middle === undefined) return undefined;
  return `Drift from the first half of the rounds to the second: ${figure(middle * 100, 0)} % in the middle, ${percent(worst.moved)} at most (${worst.what}).`;
}

/** Medians of two runs, side by side. */
export function comparison(now: Samples, before: Samples): string {
  const rows = now.columns.flatMap(({ name }) =>
    cases.flatMap(one => {
      const new_ = median(values(now.series[name]?.[one.name], one.name));
      const old = median(values(before.series[name]?.[one.name], one.name));
      const both = ratio(new_, old);
      return both === undefined
        ? []
        : [[`${one.name} ${name}`, figure(old), figure(new_), percent(both - 1)]];
    }),
  );
  return `### Against the run of ${before.began}\n\n${markdown(['', 'then', 'now', 'change'], rows)}\n`;
}
