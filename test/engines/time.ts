// SPDX-License-Identifier: Apache-2.0
// npm run test:engines -- --time ROUNDS: how long commands of engines take with each runtime, all in one machine.
import { copyFileSync, mkdirSync } from 'node:fs';
import { loadavg } from 'node:os';
import { median } from '../bench/statistics.ts';
import { image, startContainerd } from './containerd/daemon.ts';
import { Docker } from './docker/engine.ts';
import { Machine } from './machine.ts';
import { Podman } from './podman/engine.ts';

const runtimes = { runc: '/usr/sbin/runc', crun: '/usr/bin/crun', tsubo: '/usr/local/bin/tsubo' } as const;

type Name = keyof typeof runtimes;
const names = Object.keys(runtimes) as Name[];

interface Case {
  readonly name: string;
  readonly command: (runtime: Name) => readonly string[];
}

const alone = ['--network', 'none'] as const;

function casesOf(controllers: readonly string[]): readonly Case[] {
  // ctr sets cpu.weight for every container, which no runtime can do without the controller.
  const shares = controllers.includes('cpu') ? [] : ['--cpu-shares', '0'];
  return [
    {
      name: 'docker run --rm',
      command: name => ['docker', 'run', '--rm', '--runtime', name, 'box', 'true'],
    },
    { name: 'docker exec', command: name => ['docker', 'exec', `with-${name}`, 'true'] },
    {
      name: 'podman run --rm',
      command: name => ['podman', '--runtime', runtimes[name], 'run', '--rm', ...alone, 'box', 'true'],
    },
    {
      name: 'ctr run --rm',
      command: name => ['ctr', 'run', '--rm', ...shares, '--runc-binary', runtimes[name], image, 'c', 'true'],
    },
  ];
}

/** The milliseconds of each round, or undefined for a runtime with which the command fails. */
type Times = Map<Name, number[] | undefined>;

function measure(
  machine: Machine,
  { name, command }: Case,
  rounds: number,
  say: (text: string) => void,
): Times {
  const times: Times = new Map(names.map(runtime => [runtime, []]));
  for (let round = -1; round < rounds; round++) {
    for (const [index] of names.entries()) {
      // Another one is first in each round.
      const runtime = names[(index + round + names.length) % names.length] ?? 'runc';
      const taken = times.get(runtime);
      if (taken === undefined) continue;
      const begin = performance.now();
      const { status, stderr } = machine.run(command(runtime));
      const milliseconds = performance.now() - begin;
      if (status !== 0) {
        say(`${name} with ${runtime}: status ${status}: ${stderr.trim()}`);
        times.set(runtime, undefined);
      } else if (round >= 0) taken.push(milliseconds);
    }
  }
  return times;
}

function row(name: string, times: Times): string {
  const medians = new Map(
    [...times].flatMap(([runtime, taken]) =>
      taken === undefined ? [] : [[runtime, median(taken)] as const],
    ),
  );
  const cell = (runtime: Name) => medians.get(runtime)?.toFixed(0) ?? '-';
  const ratio = (runtime: Name) => {
    const [own, other] = [medians.get('tsubo'), medians.get(runtime)];
    return own === undefined || other === undefined ? '-' : (own / other).toFixed(2);
  };
  return [
    name.padEnd(16),
    ...[...names.map(cell), ratio('runc'), ratio('crun')].map(text => text.padStart(8)),
  ].join('');
}

export async function timeEngines(
  rounds: number,
  { into, tree, tsubo }: { readonly into: string; readonly tree: string; readonly tsubo: string },
  say: (text: string) => void,
): Promise<number> {
  const machine = await Machine.start(into, tree);
  try {
    mkdirSync(machine.path('/usr/local/bin'), { recursive: true });
    copyFileSync(tsubo, machine.path(runtimes.tsubo));
    const docker = await Docker.start(machine, 'runc');
    const added = names
      .filter(name => name !== 'runc')
      .flatMap(name => ['--add-runtime', `${name}=${runtimes[name]}`]);
    await docker.restartDaemon(...added);
    for (const name of names) {
      docker.run(['run', '--detach', '--name', `with-${name}`, '--runtime', name, 'httpd']);
    }
    await Podman.start(machine, 'runc');
    await startContainerd(machine, 'default');
    const before = loadavg()[0]?.toFixed(2);
    const rows = casesOf(machine.controllers()).map(entry =>
      row(entry.name, measure(machine, entry, rounds, say)),
    );
    const heads = [...names, '/runc', '/crun'].map(text => text.padStart(8)).join('');
    say(
      `Milliseconds, medians of ${rounds} interleaved rounds; load ${before} before, ${loadavg()[0]?.toFixed(2)} after`,
    );
    say([`${''.padEnd(16)}${heads}`, ...rows].join('\n'));
    return 0;
  } finally {
    await machine.stop();
  }
}
