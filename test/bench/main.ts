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
import type { Column, Programs, View } from './columns.ts';
import { findColumns } from './find-columns.ts';
import { imageBench } from './images.ts';
import { Stopwatch } from './lap.ts';
import { Measurement } from './measurement.ts';
import { type Options, parseOptions, usage } from './options.ts';
import type { Place } from './orders.ts';
import { page } from './plot.ts';
import { picture, readmeTable, unfit, withTable } from './readme.ts';
import { readSamples, type Samples } from './samples.ts';
import { measureScale, type ScalePoint } from './scale.ts';
import { scaleReport } from './scale-plot.ts';
import { comparison, report } from './table.ts';

export interface Surroundings extends Programs {
  /** `into` in the form that the user may write. */
  readonly shown: string;
  /** Fetches the engines and returns their root file system. */
  readonly engines: () => Promise<string>;
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
  if (address === undefined) throw new Error('invalid address of the floor');
  const elements = portElements([parsePublished('19999:80')], { ipv4: address });
  return transaction(addChanges(elements)).messages;
}

/** A benchmark that can begin: nothing that the user has to correct appears after the measurement. */
export interface Request {
  readonly options: Options;
  /** The earlier runs of `--against` and `--from`. */
  readonly against: Samples | undefined;
  readonly from: Samples | undefined;
}

/** Reads the command line and the files in it; returns the exit status if nothing is to be measured. */
export function requested(argv: readonly string[]): Request | number {
  let request: Request;
  try {
    const options = parseOptions(argv);
    if (options.help) {
      process.stdout.write(`${usage}\n`);
      return 0;
    }
    const read = (file: string | undefined): Samples | undefined =>
      file === undefined ? undefined : readSamples(file);
    request = { options, against: read(options.against), from: read(options.from) };
  } catch (error) {
    say((error as Error).message);
    return 2;
  }
  if (process.getuid?.() !== 0) return refuse('the benchmark needs root: it makes containers');
  if (!existsSync(busybox)) return refuse(`${busybox} does not exist: apt-get install busybox-static`);
  return request;
}

/** @returns the exit status */
export async function bench({ options, against, from }: Request, programs: Surroundings): Promise<number> {
  if (options.images.length > 0) return await measureImages(options, programs);
  const samples = from ?? (await measured(options, programs));
  write(programs, options.only, samples, against);
  if (options.readme) return updateReadme(programs.top, samples);
  const failed = Object.values(samples.series).some(one =>
    Object.values(one).some(series => series.failed > 0),
  );
  return failed ? 1 : 0;
}

/** The paths of a benchmark, with their bundles. */
function prepare(into: string): Place {
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

  return place;
}

async function measured(options: Options, programs: Surroundings): Promise<Samples> {
  const { into } = programs;
  const place = prepare(into);
  const prefix = `tsubo-bench-${process.pid}`;
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
  const session: Session = { programs, place, prefix };
  const all = await withColumns(session, async (stopwatch, columns) => {
    const found: Samples = {
      ...samples,
      columns: columns.map(({ name, note }) => ({ name, ...(note !== undefined && { note }) })),
    };
    const measurement = new Measurement(stopwatch, columns, place, prefix, found, say);
    await measurement.rounds(options.only, options.rounds);
    if (options.only.has('run-crowded')) await measurement.crowded(crowd, options.rounds);
    if (options.only.has('list')) await measurement.list(options.entries, options.rounds);
    return found;
  });
  if (options.scale.length > 0) all.scale = await scaled(session, options);
  all.loadAfter = load();
  return all;
}

interface Session {
  readonly programs: Surroundings;
  readonly place: Place;
  readonly prefix: string;
}

/** Maximum number of rounds at a step of the scale. */
const mostScaleRounds = 20;

/** The scale without networks, then with; all containers of the first end in between. */
async function scaled(session: Session, options: Options): Promise<ScalePoint[]> {
  const points: ScalePoint[] = [];
  for (const network of [false, true]) {
    const found = await withColumns(session, (stopwatch, columns) =>
      measureScale({
        stopwatch,
        columns: network ? columns.filter(({ name }) => name === 'tsubo') : newestOf(columns),
        place: session.place,
        prefix: session.prefix,
        steps: options.scale,
        rounds: Math.min(options.rounds, mostScaleRounds),
        network,
        say,
      }),
    );
    points.push(...found);
  }
  return points;
}

/** The executable, and the first crun and runc. */
function newestOf(columns: readonly Column[]): Column[] {
  return ['tsubo', 'crun-', 'runc-'].flatMap(
    start => columns.find(({ name }) => name.startsWith(start)) ?? [],
  );
}

/** Runs a measurement with a new stopwatch, which ends all containers afterwards. */
async function withColumns<T>(
  { programs, place, prefix }: Session,
  measure: (stopwatch: Stopwatch, columns: readonly Column[]) => Promise<T>,
): Promise<T> {
  const stopwatch = new Stopwatch(join(programs.into, 'lap'), place.directory, prefix);
  try {
    const columns = await findColumns(programs, stopwatch, place, prefix, say, view => binds(programs, view));
    return await measure(stopwatch, columns);
  } finally {
    await stopwatch.close();
  }
}

/** Puts the table and the picture into the README, unless the measurement is not fit for it. */
function updateReadme(top: string, samples: Samples): number {
  const why = unfit(samples);
  if (why !== undefined) return refuse(`README.md stays as it is: ${why}`);
  const readme = join(top, 'README.md');
  writeFileSync(readme, withTable(readFileSync(readme, 'utf8'), readmeTable(samples)));
  writeFileSync(join(top, 'test/bench/speed.svg'), picture(samples));
  say('wrote the table of README.md and test/bench/speed.svg');
  return 0;
}

async function measureImages(
  { images, rounds }: Options,
  { top, into, shown, standalone, engines }: Surroundings,
): Promise<number> {
  if (standalone === undefined) return refuse('these cases need the standalone executable');
  const text = await imageBench(images, rounds, { top, into, standalone, tree: await engines() }, say);
  writeFileSync(join(into, 'images.md'), text);
  process.stdout.write(`${text}\n`);
  say(`wrote images.md to ${shown}`);
  return 0;
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
  against: Samples | undefined,
): void {
  let text = report(samples, only);
  if (samples.scale !== undefined) text += `\n${scaleReport(samples.scale)}\n`;
  if (against !== undefined) text += `\n${comparison(samples, against)}`;
  const head = text.slice(0, text.indexOf('\n\n'));
  writeFileSync(join(into, 'report.md'), text);
  writeFileSync(join(into, 'samples.json'), JSON.stringify(samples));
  writeFileSync(join(into, 'report.html'), page(samples, only, head));
  process.stdout.write(`${text}\n`);
  say(`wrote report.md, report.html and samples.json (every value) to ${shown}`);
}
