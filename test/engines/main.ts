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
import { parseArgs } from 'node:util';
import { containerd } from './containerd/flows.ts';
import { docker } from './docker/flows.ts';
import type { Engine, Flow, Running, Runtime } from './flow.ts';
import { Machine } from './machine.ts';
import { podman, podmanOfUser } from './podman/flows.ts';
import { type Outcome, type Row, render } from './table.ts';

/** Files that engines.mjs has built. */
export interface Prepared {
  readonly top: string;
  readonly into: string;
  readonly tsubo: string;
  readonly root: (suite: string) => Promise<string>;
}

const engines: readonly Engine[] = [docker, podman, podmanOfUser, containerd].map(
  engine => engine as unknown as Engine,
);

const usage = `Usage: npm run test:engines [-- OPTIONS]

  --only NAME[,NAME]  only these engines: ${engines.map(({ name }) => name).join(', ')}
  --short             only the short part
  --flow TEXT         only the flows whose name contains the text
  --runtime NAME      only runc or tsubo
  --suite NAME        the suite of Debian whose engines are fetched (default: bookworm)
`;

interface Options {
  readonly only: readonly string[];
  readonly short: boolean;
  readonly flow: string;
  readonly runtimes: readonly Runtime[];
  readonly suite: string;
}

function parse(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string' },
      short: { type: 'boolean' },
      flow: { type: 'string' },
      runtime: { type: 'string' },
      suite: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  const only = values.only?.split(',') ?? engines.map(({ name }) => name);
  const runtimes = values.runtime?.split(',') ?? ['runc', 'tsubo'];
  const unknown = only.some(name => !engines.some(engine => engine.name === name));
  if (values.help || unknown || !runtimes.every(name => name === 'runc' || name === 'tsubo'))
    return undefined;
  return {
    only,
    short: values.short ?? false,
    flow: values.flow ?? '',
    runtimes: runtimes as Runtime[],
    suite: values.suite ?? 'bookworm',
  };
}

const say = (text: string) => process.stdout.write(`${text}\n`);

export async function testEngines(args: string[], prepared: Prepared): Promise<number> {
  const options = parse(args);
  if (options === undefined) {
    say(usage);
    return 2;
  }
  const before = traces();
  const tree = await prepared.root(options.suite);
  const rows: Row[] = [];
  for (const engine of engines.filter(({ name }) => options.only.includes(name))) {
    const flows = engine.flows.filter(
      ({ name, short }) => (!options.short || short) && name.includes(options.flow),
    );
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
    const running = await engine.start(machine, runtime);
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
    running.reset();
    return { state: 'passed', seconds: seconds() };
  } catch (error) {
    const reason = `${error instanceof Error ? error.message : error}`;
    try {
      running.reset();
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
  const own = /^(docker|containerd|containers|libpod|podman|netns|runc|crun|buildkit|conmon|tsubo)/;
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
  return [
    ...lines('mount', mounts),
    ...lines('link', readdirSync('/sys/class/net').join('\n')),
    ...lines('firewall', execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' })),
    ...lines(
      '/run',
      readdirSync('/run')
        .filter(name => own.test(name))
        .join('\n'),
    ),
  ];
}
