// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { timeBuilds } from './builds.ts';
import { containerd } from './containerd/flows.ts';
import { cri } from './cri/flows.ts';
import { docker } from './docker/flows.ts';
import { firstHour } from './first-hour/flow.ts';
import type { Engine, Flow, Running, Runtime } from './flow.ts';
import { Machine } from './machine.ts';
import { type Options, optionsOf } from './options.ts';
import { podman, podmanOfUser } from './podman/flows.ts';
import { type Outcome, type Row, render } from './table.ts';
import { timeEngines } from './time.ts';

/** Files that engines.mjs has built. */
export interface Prepared {
  readonly top: string;
  readonly into: string;
  readonly tsubo: string;
  /** The root file system with the engines. */
  readonly tree: string;
}

const engines: readonly Engine[] = [docker, podman, podmanOfUser, containerd, cri, firstHour].map(
  engine => engine as unknown as Engine,
);

const say = (text: string) => process.stdout.write(`${text}\n`);

/** The options, or a string to print instead. */
export const parse = (args: readonly string[]): Options | string =>
  optionsOf(
    args,
    engines.map(({ name }) => name),
  );

/** The flows of an engine that the options select. */
const selected = (engine: Engine, options: Options) =>
  engine.flows.filter(({ name, short }) => (!options.short || short) && name.includes(options.flow));

const selectedEngines = (options: Options) => engines.filter(({ name }) => options.only.includes(name));

/** The result without the engines: all flows are skipped. */
export function skipAll(options: Options, reason: string): number {
  const count = selectedEngines(options).reduce((sum, engine) => sum + selected(engine, options).length, 0);
  say(`no engines, all flows skipped: ${reason}\n0 passed, 0 failed, ${count} skipped`);
  return 0;
}

export async function testEngines(options: Options, prepared: Prepared): Promise<number> {
  const { tree } = prepared;
  if (options.rounds !== undefined) return timeEngines(options.rounds, prepared, say);
  if (options.builds !== undefined) return timeBuilds(options.builds, prepared, say);
  const before = traces();
  const rows: Row[] = [];
  for (const engine of selectedEngines(options)) {
    const flows = selected(engine, options);
    const outcomes = new Map<Runtime, readonly Outcome[]>();
    for (const runtime of options.runtimes) {
      outcomes.set(runtime, await runFlows(engine, flows, runtime, tree, prepared));
    }
    flows.forEach(({ name }, index) => {
      const of = (runtime: Runtime) => outcomes.get(runtime)?.[index];
      rows.push({ engine: engine.name, flow: name, runc: of('runc'), tsubo: of('tsubo') });
    });
  }
  const left = traces().filter(trace => !before.includes(trace));
  const { text, failed } = render(rows, left);
  say(text);
  return failed === 0 ? 0 : 1;
}

/** Starts an engine on one runtime and runs its flows. */
async function runFlows(
  engine: Engine,
  flows: readonly Flow<Running>[],
  runtime: Runtime,
  tree: string,
  { into, tsubo }: Prepared,
): Promise<Outcome[]> {
  const machine = await Machine.start(into, tree);
  try {
    if (runtime === 'tsubo') install(machine, tsubo);
    let running: Running;
    try {
      running = await engine.start(machine, runtime);
    } catch (error) {
      const reason = `${engine.name} does not start: ${error instanceof Error ? error.message : error}`;
      say(`${engine.name} ${runtime}: ${reason}`);
      return flows.map(() => ({ state: 'failed', seconds: 0, reason }));
    }
    const outcomes: Outcome[] = [];
    for (const flow of flows) {
      const outcome = await runFlow(flow, running);
      say(`${engine.name} ${runtime}: ${flow.name}: ${outcome.state} (${outcome.seconds.toFixed(1)} s)`);
      if (outcome.state !== 'passed') say(`  ${(outcome.reason ?? '').replaceAll('\n', '\n  ')}`);
      outcomes.push(outcome);
    }
    return outcomes;
  } finally {
    await machine.stop();
  }
}

async function runFlow(flow: Flow<Running>, running: Running): Promise<Outcome> {
  const missing = (flow.controllers ?? []).filter(name => !running.machine.controllers().includes(name));
  if (missing.length > 0) {
    return { state: 'skipped', seconds: 0, reason: `no cgroup controller ${missing.join(', ')}` };
  }
  const begin = Date.now();
  const seconds = () => (Date.now() - begin) / 1000;
  try {
    await flow.run(running);
    await running.reset();
    return { state: 'passed', seconds: seconds() };
  } catch (error) {
    const reason = `${error instanceof Error ? error.message : error}`;
    try {
      await running.reset();
    } catch {
      // The first failure is the one to report.
    }
    return { state: 'failed', seconds: seconds(), reason };
  }
}

/** Puts tsubo in the place of runc, which BuildKit and others take from PATH. */
function install(machine: Machine, tsubo: string): void {
  const path = '/usr/local/bin/tsubo';
  mkdirSync(machine.path('/usr/local/bin'), { recursive: true });
  copyFileSync(tsubo, machine.path(path));
  const runc = machine.path('/usr/sbin/runc');
  if (existsSync(runc)) unlinkSync(runc);
  symlinkSync(path, runc);
}

/** Mounts, links, tables of the firewall and directories in /run of this machine, which engines could leave behind. */
function traces(): string[] {
  const lines = (name: string, text: string) =>
    text
      .split('\n')
      .filter(Boolean)
      .map(line => `${name} ${line}`);
  const ofEngines = /^(docker|containerd|containers|libpod|podman|netns|runc|crun|buildkit|conmon|tsubo)/;
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
  return [
    ...lines('mount', mounts),
    ...lines('link', readdirSync('/sys/class/net').join('\n')),
    ...lines('firewall', execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' })),
    ...lines(
      '/run',
      readdirSync('/run')
        .filter(name => ofEngines.test(name))
        .join('\n'),
    ),
  ];
}
