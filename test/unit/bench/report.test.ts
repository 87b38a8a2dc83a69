// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { caseNames } from '../../bench/cases.ts';
import { gridStep, page } from '../../bench/plot.ts';
import { picture, readmeTable, unfit, withTable } from '../../bench/readme.ts';
import { emptySeries, type Samples, type Series } from '../../bench/samples.ts';
import type { ScalePoint } from '../../bench/scale.ts';
import { logarithmicTicks, scalePlots, scaleReport } from '../../bench/scale-plot.ts';
import { comparison, figure, markdown, report } from '../../bench/table.ts';

function timed(...ms: number[]): Series {
  return {
    ...emptySeries(),
    wallUs: ms.map(one => one * 1000),
    cpuUs: ms.map(one => one * 500),
    peakKiB: ms.map(() => 2048),
  };
}

function samples(): Samples {
  return {
    began: '2026-01-01T00:00:00.000Z',
    kernel: '6.12.0',
    processors: 2,
    loadBefore: '0.10 0.20 0.30',
    loadAfter: '0.40 0.50 0.60',
    rounds: 4,
    entries: 1000,
    gaveUp: 0,
    repeated: 2,
    disturbed: 0,
    foreign: [5, 5, 6, 5],
    columns: [{ name: 'tsubo' }, { name: 'crun-1.28', note: 'makes <no> cgroup' }, { name: 'floor' }],
    series: {
      tsubo: {
        run: { ...timed(6, 6, 6, 6), syscalls: { own: 200, others: 300 } },
        state: timed(2, 2, 1, 1),
        init: { ...emptySeries(), privateKiB: [60, 64, 68, 72], proportionalKiB: [70, 70, 70, 70] },
      },
      'crun-1.28': { run: timed(8, 8, 8, 8), state: { ...timed(4), failed: 3, error: 'no such container' } },
      floor: { run: timed(3, 3, 3, 3) },
    },
  };
}

const all = new Set(caseNames);

/** The cells of a row of the table under a heading. */
function row(text: string, heading: string, name: string): Record<string, string> {
  const lines = text.slice(text.indexOf(`### ${heading}:`)).split('\n');
  const cells = (line = ''): string[] =>
    line
      .split('|')
      .slice(1, -1)
      .map(cell => cell.trim());
  const titles = cells(lines[2]);
  const values = cells(lines.find(line => line.startsWith(`| ${name}`)));
  return Object.fromEntries(titles.map((title, i) => [title, values[i] ?? '']));
}

describe('the report of the benchmark', () => {
  it('compares medians with crun and the floor', () => {
    expect(row(report(samples(), all), 'run', 'tsubo')).toEqual({
      '': 'tsubo',
      p25: '6.00',
      median: '6.00',
      p75: '6.00',
      min: '6.00',
      cpu: '3.00',
      'peak MiB': '2.0',
      calls: '200 + 300',
      '/ crun-1.28': '0.75',
      '/ floor': '2.00',
      drift: '+0 %',
      failed: '0',
    });
  });

  it('lists failures with their count and message', () => {
    const text = report(samples(), all);
    expect(row(text, 'state', 'crun-1.28')).toMatchObject({ failed: '3', drift: '-' });
    expect(text).toContain('crun-1.28 failed: no such container');
  });

  it('shows the memory of the init in KiB', () => {
    expect(row(report(samples(), all), 'init', 'tsubo')).toMatchObject({
      'private KiB': '66',
      'Pss KiB': '70',
    });
  });

  it('omits columns that were not measured', () => {
    expect(report(samples(), new Set(['run'] as const))).not.toContain('### state');
  });

  it('reports a busy machine, and the drift between rounds', () => {
    const busy = samples();
    expect(report(busy, all)).toContain('not disturbed (median share of other programs: 5 %');
    busy.gaveUp = 3;
    expect(report(busy, all)).toContain('NOT QUIET: 3 began on a busy machine, and 0 were disturbed');
    expect(report(samples(), all)).toContain('-50 % at most (state of tsubo)');
  });

  it('compares two runs by their medians', () => {
    const before = samples();
    before.series['tsubo'] = { run: timed(5) };
    expect(comparison(samples(), before)).toMatch(/\| run tsubo +\| 5\.00 \| 6\.00 \| +\+20 % \|/);
  });

  it('aligns its tables', () => {
    expect(markdown(['', 'a'], [['long name', '1']])).toBe(
      '|           |  a |\n| --------- | -: |\n| long name |  1 |',
    );
    expect(figure(undefined)).toBe('-');
  });
});

describe('the plot of the benchmark', () => {
  const html = page(samples(), all, 'crun-1.28 makes <no> cgroup.');

  it('needs no other file', () => {
    expect(html).not.toMatch(/<script|<link|<img|https?:|url\(/);
    expect(html).toContain('prefers-color-scheme: dark');
  });

  it('has a box for each column of each measured case', () => {
    expect(html.match(/<rect /g)).toHaveLength(6);
    expect(html).toContain('tsubo: median 6.00 ms');
    expect(html).toContain('tsubo: median 66 KiB');
  });

  it('escapes its labels', () => {
    expect(html).toContain('makes &lt;no&gt; cgroup');
  });

  it('has few grid lines at round numbers', () => {
    expect([0.7, 9, 17, 160, 12_000].map(gridStep)).toEqual([0.1, 2, 5, 20, 2000]);
    expect(gridStep(0)).toBe(1);
  });
});

describe('the scale', () => {
  const point = (column: string, running: number, ms: number, network = false): ScalePoint => ({
    column,
    running,
    network,
    ms: { create: [ms, ms, ms], exec: [ms], state: [ms], list: [ms] },
    ...(running > 1 && { machineKiB: running }),
  });
  const points = [
    point('tsubo', 1, 4),
    point('tsubo', 100, 5),
    point('crun-1.28', 1, 8),
    point('tsubo', 1, 6, true),
  ];

  it('has a table for each command, with a dash where a runtime was left out', () => {
    const text = scaleReport(points);
    expect(text).toContain('medians of 3 rounds');
    expect(text).toMatch(
      /### create, scale\n\n.*\| +1 \| +100 \|\n.*\n\| tsubo +\| 4\.00 \| 5\.00 \|\n\| crun-1\.28 +\| 8\.00 \| +- \|\n\| tsubo with networks \| 6\.00 \| +- \|/,
    );
    expect(text).toMatch(/### memory.*\n\n.*\n.*\n\| tsubo +\| +- \| 100 \|/);
  });

  it('has a line for each runtime in each plot', () => {
    const html = scalePlots(points);
    expect(html.match(/<polyline /g)).toHaveLength(4 * 3);
    expect(html).toContain('tsubo: 5.00 ms beside 100');
  });

  it('has ticks around the smallest and the largest value', () => {
    expect(logarithmicTicks(0.7, 4.2)).toEqual([0.5, 1, 2, 5]);
    expect(logarithmicTicks(2, 20)).toEqual([2, 5, 10, 20]);
  });
});

describe('the table of the README', () => {
  const quiet = (): Samples => {
    const all = samples();
    const runc = { run: timed(30, 30, 30, 30), state: timed(10, 10, 10, 10) };
    return {
      ...all,
      rounds: 20,
      columns: [...all.columns, { name: 'runc-1.3.6' }],
      series: { ...all.series, 'runc-1.3.6': runc },
    };
  };

  it('has the ratios to the newest crun and runc', () => {
    const table = readmeTable(quiet());
    expect(table).toContain('beside crun 1.28 and runc 1.3.6');
    expect(table).toMatch(/\| `run` of \/bin\/true: [^|]+ \| +0\.75 \| +0\.20 \|/);
    expect(table).toMatch(/\| peak memory of `run` +\| +1\.00 \| +1\.00 \|/);
  });

  it('replaces the lines between its comments only', () => {
    const [begin, end] = [
      '<!-- npm run bench -- --readme writes the lines from here -->',
      '<!-- to here -->',
    ];
    expect(withTable(`before\n${begin}\nold\n${end}\nafter\n`, 'new')).toBe(
      `before\n${begin}\n\nnew\n\n${end}\nafter\n`,
    );
    expect(() => withTable('no comments', 'new')).toThrow(/README\.md lacks the lines/);
  });

  it('is refused from few rounds, a busy machine, or missing cases', () => {
    expect(unfit(samples())).toBe('4 rounds are fewer than 20');
    expect(unfit({ ...quiet(), disturbed: 3 })).toBe('the machine was not quiet');
    expect(unfit(quiet())).toBe('the case run-seccomp of tsubo was not measured');
  });

  it('has a picture with a dot for each time', () => {
    const svg = picture(quiet());
    expect(svg.match(/<circle [^>]*cy="\d+" r="6" fill="[^"]+"><title>/g)).toHaveLength(6);
    expect(svg).toContain('run of crun-1.28: 8.00 ms');
  });
});
