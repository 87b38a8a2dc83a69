// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../../src/bundle/json.ts';
import type { HostFacts } from '../../../src/host/facts.ts';
import { describePlan } from '../../../src/plan/describe.ts';
import { makePlan, type PlanOptions } from '../../../src/plan/make-plan.ts';
import { requireConfig } from '../../../src/validate/check.ts';
import { encodePlan } from '../../../src/wire/encode.ts';
import { decodePlan } from '../../helpers/decode-plan.ts';
import { allCapabilities, facts } from '../../helpers/plan.ts';

interface Case {
  readonly name: string;
  readonly config: string;
  readonly facts?: Partial<HostFacts>;
  readonly options?: Partial<PlanOptions>;
}

const here = (path: string): string => new URL(path, import.meta.url).pathname;
const withoutSysResource = allCapabilities & ~(1n << 24n);

/** Each plan is a file in plans/: the diff of that file shows a change. */
const cases: readonly Case[] = [
  { name: 'default', config: '../../../bundle-fixtures/good/default/config.json' },
  { name: 'properties', config: '../../../bundle-fixtures/good/properties/config.json' },
  { name: 'terminal', config: '../../../bundle-fixtures/good/terminal/config.json' },
  { name: 'user-namespace', config: '../../../bundle-fixtures/good/user-namespace/config.json' },
  {
    name: 'without-root',
    config: 'configs/without-root.json',
    facts: { euid: 1000, egid: 1000 },
  },
  { name: 'resctrl', config: '../../../bundle-fixtures/good/resctrl/config.json' },
  { name: 'union', config: '../../../bundle-fixtures/good/union/config.json' },
  { name: 'resources', config: 'configs/resources.json' },
  {
    name: 'docker',
    config: 'configs/docker.json',
    facts: {
      cgroup: { layout: 'hybrid', mountpoint: '/sys/fs/cgroup/unified', own: '/' },
      ignoredSignals: 0x1000n,
    },
  },
  {
    name: 'podman',
    config: 'configs/podman.json',
    facts: { capabilities: { bounding: withoutSysResource, permitted: withoutSysResource, last: 40 } },
    options: { preserveFds: 1 },
  },
  {
    name: 'sidecar',
    config: 'configs/sidecar.json',
    facts: { cgroup: { layout: 'none', mountpoint: '', own: '/' } },
    options: { noPivot: true, noNewKeyring: true, listenFds: 2 },
  },
];

describe.each(cases)('the whole plan of $name', ({ name, config, facts: changedFacts, options }) => {
  const { config: checked } = requireConfig(parseJson(readFileSync(here(config), 'utf8')));
  const plan = makePlan(checked, { ...facts, ...changedFacts }, { id: 'jar', bundle: '/bundle', ...options });

  it('has not changed', async () => {
    await expect(describePlan(plan, 'text')).toMatchFileSnapshot(here(`plans/${name}.txt`));
  });

  it('is deterministic', () => {
    const again = makePlan(
      checked,
      { ...facts, ...changedFacts },
      { id: 'jar', bundle: '/bundle', ...options },
    );
    expect(again).toEqual(plan);
  });

  it('is encoded and decoded step by step', () => {
    expect(decodePlan(encodePlan(plan.container)).map(step => step.op)).toEqual(
      plan.container.map(step => step.op),
    );
  });
});
