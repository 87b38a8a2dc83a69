// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  explainStartFailure,
  loadInheritedFilter,
  readExecData,
  writeExecData,
} from '../../../src/lifecycle/exec-data.ts';
import type { Runtime } from '../../../src/lifecycle/runtime.ts';
import type { Config } from '../../../src/oci/config.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { checkConfig } from '../../../src/validate/check.ts';
import { type FakeMachine, machineForEachTest, thrown } from '../../helpers/fake-machine.ts';
import { facts } from '../../helpers/plan.ts';
import { configWith } from '../validate/config.ts';

let machine: FakeMachine;
let runtime: Runtime;
let directory: string;
machineForEachTest(made => {
  machine = made;
  runtime = machine.runtime;
  directory = join(machine.root, 'web');
  mkdirSync(directory, { recursive: true });
});

/** Writes the data of a config with this change and reads it again. */
function keep(change: Parameters<typeof configWith>[0], processOptional = false) {
  const { config } = checkConfig(configWith(change), { processOptional });
  const plan = makePlan(config as Config, facts, { id: 'web', bundle: '/b', noNewKeyring: false });
  writeExecData(runtime, directory, config as Config, plan);
  return { config, plan, later: readExecData(runtime, 'web') };
}

it('stores the validated process, readable only by the owner', () => {
  const { config, later } = keep(it => {
    it.process.capabilities = { Bounding: ['cap_kill'] };
    it.linux.personality = { domain: 'LINUX32' };
  });
  expect(later?.inherited).toEqual({
    process: config?.process,
    linux: { personality: { domain: 'LINUX32' } },
  });
  expect(later?.inherited?.process.capabilities).toEqual({ bounding: ['CAP_KILL'] });
  expect(statSync(join(directory, 'exec.json')).mode & 0o777).toBe(0o600);
});

it('stores the compiled filter, and the listener of notifications', () => {
  const { plan, later } = keep(it => {
    it.linux.seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      listenerPath: '/run/agent',
      listenerMetadata: 'me',
      syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_NOTIFY' }],
    };
  });
  const kept = later?.inherited?.seccomp;
  expect(kept).toMatchObject({ listenerPath: '/run/agent', listenerMetadata: 'me' });
  expect(kept && loadInheritedFilter(kept)).toEqual(plan.container.find(({ op }) => op === 'loadSeccomp'));
});

it('stores no process with a number that JSON would round', () => {
  const { later } = keep(it => {
    it.process.rlimits = [{ type: 'RLIMIT_FSIZE', hard: 18446744073709551615n, soft: 0 }];
  });
  expect(later?.inherited).toBeUndefined();
  expect(later?.afterReady.steps.at(-1)).toMatchObject({ op: 'execute' });
});

it('stores no process if the config has none, and none without its filter', () => {
  const { later } = keep(it => {
    delete it.process;
    it.linux.seccomp = { defaultAction: 'SCMP_ACT_ALLOW' };
  }, true);
  expect(later?.afterReady.steps).toMatchObject([{ op: 'awaitStart' }]);
  expect(later?.inherited).toBeUndefined();
});

it('stores no environment for the steps after ready', () => {
  keep(it => Object.assign(it.process, { env: ['SECRET=x'] }));
  const text = readFileSync(join(directory, 'exec.json'), 'utf8');
  expect(text.slice(text.indexOf('afterReady'))).not.toContain('SECRET');
});

it('ignores the file of another version', () => {
  expect(readExecData(runtime, 'web')).toBeUndefined();
  machine.binding.writeText(join(directory, 'exec.json'), '{"version":1}', 0o100, 0o600);
  expect(readExecData(runtime, 'web')).toBeUndefined();
  rmSync(directory, { recursive: true });
  expect(readExecData(runtime, 'web')).toBeUndefined();
});

it.each([
  'null',
  '{"op":"execute"}',
  '{"op":"toString","origin":""}',
  '{"op":"execute","origin":"/process/args","args":[5],"env":[]}',
  '{"op":"setUser","origin":"","uid":"0","gid":0,"groups":[],"keepGroups":0}',
])('names the file if the failed step of start is %s', step => {
  const text = `{"version":2,"afterReady":{"first":3,"steps":[${step}]}}`;
  machine.binding.writeText(join(directory, 'exec.json'), text, 0o100, 0o600);
  const report = { kind: 'failed', step: 3, syscall: 'execve', errno: 2, detail: '' } as const;
  expect(thrown(() => explainStartFailure(runtime, 'web', report))).toMatchObject({
    code: 'state.damaged',
    message: expect.stringContaining('/afterReady/steps/0 is not a step'),
  });
});

it.each([
  '{"version":2',
  'null',
  '[]',
  '{}',
  '{"version":2}',
  '{"version":2,"afterReady":{"steps":[]},"inherited":{}}',
  '{"version":2,"afterReady":{"first":"x","steps":[]}}',
  '{"version":2,"afterReady":{"first":0,"steps":{}}}',
])('is damaged when it is %s', text => {
  machine.binding.writeText(join(directory, 'exec.json'), text, 0o100, 0o600);
  expect(() => readExecData(runtime, 'web')).toThrow(/exec\.json is damaged: /);
});
