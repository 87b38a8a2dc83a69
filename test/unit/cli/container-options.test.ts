// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Context } from '../../../src/cli/command.ts';
import { portsOf, pullPolicy, requestOf } from '../../../src/cli/commands/container/options.ts';
import { modules } from '../../../src/cli/commands/index.ts';
import { parse } from '../../../src/cli/parse.ts';
import { type FakeMachine, machineForEachTest, thrown } from '../../helpers/fake-machine.ts';

let context: Context;
let directory: string;
const warnings: string[] = [];

machineForEachTest((machine: FakeMachine) => {
  directory = machine.directory;
  warnings.length = 0;
  const binding = {
    ...machine.binding,
    getenv: (name: string) => (name === 'CALLER' ? 'value' : undefined),
    getcwd: () => '/here',
  };
  const log = { ...machine.runtime.log, warn: (text: string) => void warnings.push(text) };
  context = { runtime: { ...machine.runtime, binding, log } } as unknown as Context;
});

function optionsOf(words: readonly string[]): Readonly<Record<string, unknown>> {
  const { action } = parse('tsubo', ['container', 'run', ...words, 'image'], modules);
  if (action.kind !== 'run') throw new Error(`not a good command line: ${words.join(' ')}`);
  return action.options;
}

const requested = (...words: string[]) => requestOf(context, 'image', [], optionsOf(words));

describe('the request of container run', () => {
  it.each([
    [['--name', 'web', '-it', '--rm'], { name: 'web', terminal: true, openStdin: true, remove: true }],
    [
      ['-m', '512m', '--memory-swap', '-1', '--cpus', '0.5'],
      { memory: 512 << 20, memorySwap: -1, cpuQuota: 50_000 },
    ],
    [
      ['--pids-limit', '-1', '--cpu-shares', '512', '--shm-size', '1m'],
      { pids: -1, cpuShares: 512, sharedMemory: 1 << 20 },
    ],
    [['-e', 'A=1', '-e', 'CALLER', '-e', 'MISSING'], { env: ['A=1', 'CALLER=value', 'MISSING'] }],
    [['-l', 'a=b', '-l', 'c'], { labels: { a: 'b', c: '' } }],
    [['--restart', 'on-failure:3'], { restart: 'on-failure:3' }],
    [['--cap-add', 'NET_ADMIN', '--cap-drop', 'ALL'], { capAdd: ['NET_ADMIN'], capDrop: ['ALL'] }],
    [['-p', '8080:80', '-p', '53:53/udp'], { ports: ['8080:80', '53:53/udp'] }],
    [['--device', 'vendor.com/class=one'], { cdiDevices: ['vendor.com/class=one'], devices: [] }],
    [
      ['--health-cmd', 'true', '--health-interval', '1m30s'],
      { health: { test: ['CMD-SHELL', 'true'], interval: 90_000 } },
    ],
    [['--health-cmd', 'none'], { health: { test: ['NONE'] } }],
    [['--health-retries', '5', '--health-timeout', '2s'], { health: { retries: 5, timeout: 2000 } }],
    [['--no-healthcheck'], { health: 'none' }],
  ])('has the values of %j', (words, expected) => {
    expect(requested(...words)).toMatchObject(expected);
  });

  it('has nothing for options that are not given', () => {
    for (const name of ['health', 'restart', 'memory', 'name', 'user'])
      expect(requested()).not.toHaveProperty(name);
  });

  it('reads environment and labels from files, before the options themselves', () => {
    const file = join(directory, 'lines');
    writeFileSync(file, '# a comment\nA=file\n\nB=2\n');
    expect(requested('--env-file', file, '-e', 'A=option').env).toEqual(['A=file', 'B=2', 'A=option']);
    expect(requested('--label-file', file).labels).toEqual({ A: 'file', B: '2' });
  });

  it('resolves relative sources of volumes from the working directory', () => {
    expect(requested('-v', './data:/data:ro').mounts).toMatchObject([
      { type: 'bind', source: '/here/data', destination: '/data', readOnly: true },
    ]);
  });

  it.each([
    [['--restart', 'always', '--rm'], 'conflicting options: cannot specify both --restart and --rm'],
    [['--restart', 'sometimes'], 'invalid value "sometimes" for --restart'],
    [
      ['--no-healthcheck', '--health-cmd', 'x'],
      'conflicting options: --no-healthcheck and --health-* together',
    ],
    [['--health-interval', '5'], 'invalid value "5" for --health-interval: a unit is missing, such as 5s'],
    [['--health-timeout', '0s'], 'invalid value "0s" for --health-timeout: must be greater than 0'],
  ])('is refused for %j', (words, message) => {
    expect(thrown(() => requested(...words))).toMatchObject({ code: 'usage.bad-value', message });
  });
});

describe('the published ports', () => {
  const ports = (...words: string[]) => portsOf(context, requested(...words), [], optionsOf(words));

  it('are those of the options', () => {
    expect(ports('-p', '8080:80')).toEqual(['8080:80']);
  });

  it('are ignored on the network of the host, with a warning, and without a network', () => {
    expect(ports('--network', 'host', '-p', '8080:80')).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining('published ports are ignored')]);
    expect(ports('--network', 'none', '-p', '8080:80')).toEqual([]);
  });
});

describe('--pull', () => {
  it('is missing by default, and one of three words', () => {
    expect([{}, { pull: 'always' }, { pull: 'never' }].map(pullPolicy)).toEqual([
      'missing',
      'always',
      'never',
    ]);
    expect(thrown(() => pullPolicy({ pull: 'often' }))).toMatchObject({
      code: 'usage.bad-value',
      value: 'often',
    });
  });
});
