// SPDX-License-Identifier: Apache-2.0
// The benchmark: see README.md beside this file.
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { join, resolve } from 'node:path';
import { parseAddress } from '../../src/network/cidr.ts';
import { transaction } from '../../src/network/nftables.ts';
import { parsePublished, portElements } from '../../src/network/publish.ts';
import { addChanges } from '../../src/network/ruleset.ts';
import { compileSeccomp } from '../../src/seccomp/compile.ts';
import { engineProfile } from '../helpers/engine-profile.ts';
import { writeBundle, writeUnionBundle } from './bundle.ts';
import type { Programs, View } from './columns.ts';
import { findColumns } from './find-columns.ts';
import { Stopwatch } from './lap.ts';
import { Measurement } from './measurement.ts';
import { parseOptions } from './options.ts';
import type { Place } from './orders.ts';
import { page } from './plot.ts';
import type { Samples } from './samples.ts';
import { comparison, report } from './table.ts';

export interface Surroundings extends Programs {
  /** `into` in the form that the user may write. */
  readonly shown: string;
}

const busybox = '/bin/busybox';

function say(text: string): void {
  process.stderr.write(`tsubo: ${text}\n`);
}

/** Number of other containers in the case `run-crowded`. */
const crowd = 200;

/** Publishes a port of the floor's container; the address is that of floor.c. */
function floorElements(): Uint8Array {
  const address = parseAddress('10.63.3.200');
  if (address === undefined) throw new Error('the address of the floor');
  const elements = portElements([parsePublished('19999:80')], { ipv4: address });
  return transaction(addChanges(elements)).messages;
}

/** @returns the exit status */
export async function bench(argv: readonly string[], programs: Surroundings): Promise<number> {
  const options = parse(argv);
  if (options === undefined) return 2;
  if (process.getuid?.() !== 0) return refuse('the benchmark needs root: it makes containers');
  if (!existsSync(busybox)) return refuse(`${busybox} does not exist: apt-get install busybox-static`);

  const { into } = programs;
  const place: Place = {
    directory: join(into, 'run'),
    ends: join(into, 'ends'),
    stays: join(into, 'stays'),
    filtered: join(into, 'filtered'),
    union: join(into, 'union'),
    unionVolatile: join(into, 'union-volatile'),
    filter: join(into, 'filter'),
    floor: join(into, 'floor'),
    elements: join(into, 'elements'),
  };
  writeBundle(place.ends, busybox, ['/bin/true']);
  const profile = engineProfile('short');
  writeBundle(place.filtered, busybox, ['/bin/true'], profile);
  writeFileSync(place.filter, compileSeccomp(profile, process.arch === 'arm64' ? 'aarch64' : 'x86_64'));
  writeUnionBundle(place.union, busybox, ['/bin/true'], false);
  writeUnionBundle(place.unionVolatile, busybox, ['/bin/true'], true);
  writeFileSync(place.elements, floorElements());
  writeBundle(place.stays, busybox, ['/bin/sleep', '100000']);
  mkdirSync(place.directory, { recursive: true });

  const prefix = `tsubo-bench-${process.pid}`;
  const stopwatch = new Stopwatch(join(into, 'lap'), place.directory, prefix);
  try {
    const samples: Samples = {
      began: new Date().toISOString(),
      kernel: release(),
      processors: cpus().length,
      loadBefore: load(),
      loadAfter: '',
      rounds: options.rounds,
      entries: options.entries,
      gaveUp: 0,
      repeated: 0,
      disturbed: 0,
      foreign: [],
      columns: [],
      series: {},
    };
    const columns = await findColumns(programs, stopwatch, place, prefix, say, view => binds(programs, view));
    const all: Samples = {
      ...samples,
      columns: columns.map(({ name, note }) => ({ name, ...(note !== undefined && { note }) })),
    };
    const measurement = new Measurement(stopwatch, columns, place, prefix, all, say);
    await measurement.rounds(options.only, options.rounds);
    if (options.only.has('run-crowded')) await measurement.crowded(crowd, options.rounds);
    if (options.only.has('list')) await measurement.list(options.entries, options.rounds);
    all.loadAfter = load();
    write(programs, options.only, all, options.against);
    return Object.values(all.series).some(one => Object.values(one).some(series => series.failed > 0))
      ? 1
      : 0;
  } finally {
    await stopwatch.close();
  }
}

function parse(argv: readonly string[]): ReturnType<typeof parseOptions> | undefined {
  try {
    return parseOptions(argv);
  } catch (error) {
    say((error as Error).message);
    return undefined;
  }
}

function refuse(why: string): number {
  say(why);
  return 1;
}

function load(): string {
  return loadavg()
    .map(one => one.toFixed(2))
    .join(' ');
}

/** Binds of a view besides its root: the checkout, and Node if it is on another file system. */
function binds({ top, node }: Programs, view: View): readonly string[] {
  mkdirSync(join(view.root, top), { recursive: true });
  const prefix = resolve(node[0] ?? '/', '../..');
  const apart = view.root === '/' && statSync(prefix).dev !== statSync('/').dev;
  return apart ? [top, prefix] : [top];
}

function write(
  { into, shown }: Surroundings,
  only: Parameters<typeof report>[1],
  samples: Samples,
  against: string | undefined,
): void {
  let text = report(samples, only);
  if (against !== undefined) text += `\n${comparison(samples, JSON.parse(readFileSync(against, 'utf8')))}`;
  const head = text.slice(0, text.indexOf('\n\n'));
  writeFileSync(join(into, 'report.md'), text);
  writeFileSync(join(into, 'samples.json'), JSON.stringify(samples));
  writeFileSync(join(into, 'plot.html'), page(samples, only, head));
  process.stdout.write(`${text}\n`);
  say(`${shown}/plot.html shows it, ${shown}/samples.json has every value`);
}
