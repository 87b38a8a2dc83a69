// SPDX-License-Identifier: Apache-2.0
// npm run test:engines -- --builds ROUNDS: how long builds take with tsubo, Docker's two builders and buildah, all in one
// machine.
import { strict as assert } from 'node:assert';
import { copyFileSync, mkdirSync } from 'node:fs';
import { loadavg } from 'node:os';
import { median } from '../bench/statistics.ts';
import { Docker } from './docker/engine.ts';
import { Machine } from './machine.ts';
import { Podman } from './podman/engine.ts';

const program = '/usr/local/bin/tsubo';
const context = '/tmp/context';
const archive = '/tmp/box.tar';
const image = 'docker.io/library/box';

interface Builder {
  readonly name: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** A line of the output for each step that came from the cache. */
  readonly cached: RegExp;
}

const builders: readonly Builder[] = [
  {
    name: 'tsubo',
    command: [program, 'image', 'build', '--network', 'none', '-t', 'made', context],
    env: { TSUBO_DATA: '/tmp/tsubo' },
    cached: /^ ---> Using cache$/gm,
  },
  {
    name: 'docker',
    command: ['docker', 'build', '--network', 'none', '-t', 'made', context],
    env: { DOCKER_BUILDKIT: '0' },
    cached: /^ ---> Using cache$/gm,
  },
  {
    name: 'BuildKit',
    command: ['docker', 'build', '--progress', 'plain', '--network', 'none', '-t', 'made', context],
    env: { DOCKER_BUILDKIT: '1' },
    cached: /^#\d+ CACHED$/gm,
  },
  {
    name: 'buildah',
    command: ['buildah', 'build', '--layers', '--isolation', 'chroot', '-t', 'made', context],
    env: {},
    cached: /^--> Using cache /gm,
  },
];

const files = ['one', 'two', 'three', 'four', 'five'];

/** A Dockerfile of five steps, and the file whose change is measured: the third one, after two cached steps. */
const cases: readonly { readonly name: string; readonly dockerfile: string }[] = [
  {
    name: 'five COPY',
    dockerfile: [`FROM ${image}`, ...files.map(name => `COPY ${name} /${name}`), ''].join('\n'),
  },
  {
    name: 'COPY and RUN',
    dockerfile: [
      `FROM ${image}`,
      'COPY one /one',
      'COPY two /two',
      'COPY three /three',
      'RUN cat /one /two /three >/sum',
      'COPY five /five',
      '',
    ].join('\n'),
  },
];

function build(machine: Machine, { name, command, env }: Builder): string {
  const { status, stdout, stderr } = machine.run(command, { env });
  assert.equal(status, 0, `${name}: ${stderr}${stdout}`);
  return stdout + stderr;
}

/** The milliseconds of each round by builder. */
function measure(machine: Machine, dockerfile: string, rounds: number): ReadonlyMap<Builder, number[]> {
  machine.write(`${context}/Dockerfile`, dockerfile);
  const times = new Map(builders.map(builder => [builder, [] as number[]]));
  for (const builder of builders) build(machine, builder);
  for (let round = 0; round < rounds; round++) {
    machine.write(`${context}/three`, `${dockerfile.length} ${round}\n`);
    for (const [index] of builders.entries()) {
      // Another one is first in each round.
      const builder = builders[(index + round) % builders.length];
      if (builder === undefined) continue;
      const begin = performance.now();
      const output = build(machine, builder);
      times.get(builder)?.push(performance.now() - begin);
      const cached = [...output.matchAll(builder.cached)].length;
      assert.equal(cached, 2, `${builder.name} took ${cached} steps from its cache:\n${output}`);
    }
  }
  return times;
}

export async function timeBuilds(
  rounds: number,
  { into, tree, tsubo }: { readonly into: string; readonly tree: string; readonly tsubo: string },
  say: (text: string) => void,
): Promise<number> {
  const machine = await Machine.start(into, tree);
  try {
    mkdirSync(machine.path('/usr/local/bin'), { recursive: true });
    copyFileSync(tsubo, machine.path(program));
    const docker = await Docker.start(machine, 'runc');
    await Podman.start(machine, 'runc');
    docker.ok('save', '--output', archive, 'box');
    for (const [command, env] of [
      [[program, 'image', 'load', '-i', archive], { TSUBO_DATA: '/tmp/tsubo' }],
      [['podman', 'tag', 'localhost/box', image], {}],
    ] as const) {
      const { status, stderr } = machine.run(command, { env });
      assert.equal(status, 0, `${command.join(' ')}: ${stderr}`);
    }
    for (const name of files) machine.write(`${context}/${name}`, `${name}\n`);
    const before = loadavg()[0]?.toFixed(2);
    const rows = cases.map(({ name, dockerfile }) => {
      const medians = [...measure(machine, dockerfile, rounds).values()].map(
        times => median(times) ?? Number.NaN,
      );
      const ratios = medians.slice(1).map(other => ((medians[0] ?? 0) / other).toFixed(2));
      const cells = [...medians.map(value => value.toFixed(0)), ...ratios];
      return [name.padEnd(16), ...cells.map(text => text.padStart(10))].join('');
    });
    const names = builders.map(({ name }) => name);
    const heads = [...names, ...names.slice(1).map(name => `/${name}`)].map(text => text.padStart(10));
    say(
      `The third file of five has changed: two steps are cached, three run. Milliseconds, medians of ${rounds} ` +
        `interleaved rounds; load ${before} before, ${loadavg()[0]?.toFixed(2)} after`,
    );
    say([`${''.padEnd(16)}${heads.join('')}`, ...rows].join('\n'));
    return 0;
  } finally {
    await machine.stop();
  }
}
