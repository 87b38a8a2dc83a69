// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { capableMachine } from '../../../src/host/facts.ts';
import { type ConfigOptions, defineConfig } from '../../../src/node/library/define-config.ts';
import type { Config } from '../../../src/oci/config.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { checkConfig } from '../../../src/validate/check.ts';

const options: ConfigOptions = { args: ['id'], rootfs: '/srv/rootfs' };
/** As it is read from a file. */
const defined = (more: Partial<ConfigOptions> = {}): Config =>
  JSON.parse(JSON.stringify(defineConfig({ ...options, ...more })));

it.each<[string, Partial<ConfigOptions>]>([
  ['without options', {}],
  ['with a writable root file system', { writable: true }],
  ['with layers', { layers: ['/layers/a,b', '/layers/c'] }],
  ['with a terminal and a user', { terminal: true, user: { uid: 1000, gid: 1000 } }],
  ['with limits', { memory: 64 << 20, cpus: 0.5, pids: 16 }],
  ['with capabilities and variables', { capabilities: ['CAP_KILL'], env: { A: 'b' }, cwd: '/tmp' }],
])('defines a config %s that create accepts', (_, more) => {
  const { config, problems, warnings } = checkConfig(defined(more));
  expect([problems, warnings]).toEqual([[], []]);
  const plan = makePlan(config as Config, capableMachine, { id: 'x', bundle: '/', noNewKeyring: false });
  expect(plan.container.map(({ op }) => op)).toContain('loadSeccomp');
});

it('gives the program no capabilities, no new privileges and a read-only root file system', () => {
  const { root, process, mounts } = defined();
  expect(root).toEqual({ path: '/srv/rootfs', readonly: true });
  expect(process).toMatchObject({ capabilities: {}, noNewPrivileges: true, user: { uid: 0, gid: 0 } });
  expect(mounts?.find(({ destination }) => destination === '/tmp')?.type).toBe('tmpfs');
});

it('writes limits as the specification has them, and layers as options', () => {
  const { linux, mounts } = defined({ cpus: 0.25, memory: 1 << 20, pids: 3, layers: ['/a,b'] });
  expect(linux?.resources).toMatchObject({
    cpu: { quota: 25_000, period: 100_000 },
    memory: { limit: 1 << 20, swap: 1 << 20 },
    pids: { limit: 3 },
  });
  expect(mounts?.[0]).toMatchObject({ destination: '/', type: 'overlay', options: ['lowerdir+=/a\\,b'] });
});
