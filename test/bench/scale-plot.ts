// SPDX-License-Identifier: Apache-2.0
// Tables and plots of the scale.
import { escapeHtml } from './html.ts';
import { type ScaleCase, type ScalePoint, scaleCases } from './scale.ts';
import { median } from './statistics.ts';
import { figure, markdown } from './table.ts';

const left = 60;
const right = 190;
const plotWidth = 540;
const plotHeight = 220;

/** The name of a line: the runtime, and whether its containers have networks. */
function lineOf({ column, network }: ScalePoint): string {
  return network ? `${column} with networks` : column;
}

function lines(points: readonly ScalePoint[]): string[] {
  return [...new Set(points.map(lineOf))];
}

function steps(points: readonly ScalePoint[]): number[] {
  return [...new Set(points.map(({ running }) => running))].sort((a, b) => a - b);
}

/** A table for each command, and one of the memory, as Markdown. */
export function scaleReport(points: readonly ScalePoint[]): string {
  const all = steps(points);
  const table = (value: (point: ScalePoint) => string): string => {
    const rows = lines(points).map(line => [
      line,
      ...all.map(step => {
        const point = points.find(one => lineOf(one) === line && one.running === step);
        return point === undefined ? '-' : value(point);
      }),
    ]);
    return markdown(['beside containers', ...all.map(String)], rows);
  };
  const rounds = Math.max(0, ...points.map(({ ms }) => ms.create.length));
  return [
    `Scale: each runtime beside this many running containers of each of them, medians of ${rounds} rounds in ms.`,
    ...scaleCases.map(name => `### ${name}, scale\n\n${table(({ ms }) => figure(median(ms[name])))}`),
    `### memory, scale: by how many KiB the available memory of the machine shrank for each container of the step\n\n${table(({ machineKiB }) => figure(machineKiB, 0))}`,
  ].join('\n\n');
}

/** A plot for each command: both axes are logarithmic. */
export function scalePlots(points: readonly ScalePoint[]): string {
  if (points.length === 0) return '';
  return scaleCases.map(name => `<h2>${name} beside running containers</h2>${plot(points, name)}`).join('\n');
}

/** 1, 2 and 5 times powers of ten that are within the range or next to it. */
export function logarithmicTicks(low: number, high: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const times of [1, 2, 5]) ticks.push(Number((times * 10 ** power).toPrecision(3)));
  }
  const from = ticks.filter(tick => tick <= low).at(-1) ?? low;
  const to = ticks.find(tick => tick >= high) ?? high;
  return ticks.filter(tick => tick >= from && tick <= to);
}

function plot(points: readonly ScalePoint[], name: ScaleCase): string {
  const values = points.flatMap(point => {
    const ms = median(point.ms[name]);
    return ms === undefined ? [] : [{ line: lineOf(point), running: point.running, ms }];
  });
  if (values.length === 0) return '<p>Not measured.</p>';
  const all = steps(points);
  const ticks = logarithmicTicks(
    Math.min(...values.map(({ ms }) => ms)),
    Math.max(...values.map(({ ms }) => ms)),
  );
  const place = (value: number, low: number, high: number, size: number): number =>
    high === low ? 0 : (Math.log(value / low) / Math.log(high / low)) * size;
  const x = (running: number): string =>
    (left + place(running, all[0] ?? 1, all.at(-1) ?? 1, plotWidth)).toFixed(1);
  const y = (ms: number): number =>
    plotHeight - place(ms, ticks[0] ?? 1, ticks.at(-1) ?? 1, plotHeight - 20) + 10;
  const grid = [
    ...ticks.map(
      tick => `<line class="grid" x1="${left}" x2="${left + plotWidth}" y1="${y(tick).toFixed(1)}" y2="${y(tick).toFixed(1)}"/>
<text x="${left - 8}" y="${(y(tick) + 4).toFixed(1)}" text-anchor="end">${tick} ms</text>`,
    ),
    ...all.map(step => `<text x="${x(step)}" y="${plotHeight + 30}" text-anchor="middle">${step}</text>`),
  ];
  const names = lines(points);
  const labels = apart(
    names.flatMap(line => {
      const last = values.filter(value => value.line === line).at(-1);
      return last === undefined ? [] : [{ line, y: y(last.ms) }];
    }),
  );
  const drawn = labels.map(label => {
    const own = values.filter(({ line }) => line === label.line);
    const kind = kindOf(label.line);
    const at = own.map(({ running, ms }) => `${x(running)},${y(ms).toFixed(1)}`);
    const dots = own.map(
      ({ running, ms }) =>
        `<circle class="${kind}" cx="${x(running)}" cy="${y(ms).toFixed(1)}" r="3.5"><title>${escapeHtml(label.line)}: ${figure(ms)} ms beside ${running}</title></circle>`,
    );
    return `<polyline class="line ${kind}" points="${at.join(' ')}"/>${dots.join('')}
<text x="${left + plotWidth + 10}" y="${(label.y + 4).toFixed(1)}">${escapeHtml(label.line)}</text>`;
  });
  return `<svg viewBox="0 0 ${left + plotWidth + right} ${plotHeight + 40}" role="img" aria-label="${name} in ms beside running containers">
${grid.join('\n')}
${drawn.join('\n')}</svg>`;
}

function kindOf(line: string): string {
  if (line.startsWith('tsubo')) return line.includes(' ') ? 'tsubo dashed' : 'tsubo';
  return line.startsWith('crun') ? 'crun' : 'runc';
}

/** Moves labels so that none covers another: from the top, each at least 14 below the one above. */
function apart<T extends { readonly y: number }>(labels: readonly T[]): T[] {
  let lowest = Number.NEGATIVE_INFINITY;
  return [...labels]
    .sort((a, b) => a.y - b.y)
    .map(label => {
      lowest = Math.max(label.y, lowest + 14);
      return { ...label, y: lowest };
    });
}
