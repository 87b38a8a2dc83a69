// SPDX-License-Identifier: Apache-2.0
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { prepare } from '../../../src/lifecycle/prepare.ts';
import {
  type FakeConfig,
  type FakeMachine,
  machineForEachTest,
  thrown,
  writeBundle,
} from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
});

const bundle = (change: (config: FakeConfig) => void = () => {}): string =>
  writeBundle(join(machine.directory, 'bundle'), change);

it('the checks change nothing, and the result has the plan of the bundle', () => {
  const { config, rootfs, plan, warnings } = prepare(machine.runtime, { id: 'web', bundle: bundle() });
  expect(config.process.args).toEqual(['/bin/true']);
  expect(rootfs).toBe(join(machine.directory, 'bundle/rootfs'));
  expect(plan.host.map(({ op }) => op)).toContain('makeStartFifo');
  expect(warnings).toEqual([]);
  expect(machine.calls).toEqual([]);
  expect(readdirSync(machine.directory).sort()).toEqual(['bundle', 'cgroup']);
});

it('a program that runs at once has no FIFO of start, and needs a program', () => {
  const startNow = { id: 'web', bundle: bundle(), startNow: true };
  const { plan } = prepare(machine.runtime, startNow);
  expect(plan.host.map(({ op }) => op)).not.toContain('makeStartFifo');
  bundle(config => {
    config.process['args'] = [];
  });
  expect(thrown(() => prepare(machine.runtime, startNow))).toMatchObject({ code: 'config.process.args' });
});

it('only a program that waits for start may be missing', () => {
  const path = bundle(config => {
    delete (config as Partial<FakeConfig>).process;
  });
  const { plan } = prepare(machine.runtime, { id: 'web', bundle: path });
  expect(plan.container.map(({ op }) => op)).not.toContain('execute');
  const now = { id: 'web', bundle: path, startNow: true };
  expect(thrown(() => prepare(machine.runtime, now))).toMatchObject({ code: 'config.process.required' });
});

it('a mistake has its line in config.json, and a missing root is named', () => {
  const wrong = bundle(config => {
    config.process['cwd'] = 'relative';
  });
  expect(thrown(() => prepare(machine.runtime, { id: 'web', bundle: wrong }))).toMatchObject({
    code: 'config.process.cwd',
    pointer: '/process/cwd',
    line: 14,
  });
  rmSync(join(bundle(), 'rootfs'), { recursive: true });
  expect(thrown(() => prepare(machine.runtime, { id: 'web', bundle: wrong }))).toMatchObject({
    pointer: '/root/path',
  });
});

it('the warnings of the config come before those of the plan', () => {
  const path = bundle(config => {
    config['hostnam'] = 'x';
    config.linux = { ...config.linux, personality: { domain: 'LINUX', flags: ['x'] } } as FakeConfig['linux'];
  });
  const { warnings } = prepare(machine.runtime, { id: 'web', bundle: path });
  expect(warnings.map(({ message }) => message)).toEqual([
    expect.stringContaining('/hostnam is not a known property'),
    'ignoring unsupported personality flags: [x]',
  ]);
});
