// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Hooks } from '../../../src/oci/config.ts';
import { describePlan } from '../../../src/plan/describe.ts';
import { explainFailure } from '../../../src/plan/explain.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { operations, planFor, stepsOf } from '../../helpers/plan.ts';

const hooks: Hooks = {
  prestart: [{ path: '/h/prestart' }],
  createRuntime: [{ path: '/h/one', timeout: 5 }, { path: '/h/two' }],
  createContainer: [{ path: '/h/inner', args: ['inner', 'x'], env: ['A=1'], timeout: 3 }],
  startContainer: [{ path: '/in' }, { path: '/in', env: [] }, { path: '/in', env: ['B=2'] }],
  poststart: [{ path: '/h/poststart' }],
  poststop: [{ path: '/h/poststop' }],
};
const annotations = { z: '1', a: 'a "b"' };
const process = { env: ['PATH=/bin'] };
const plan = planFor({ config: { hooks, annotations }, process, options: { startNow: false } });

const hostHooks = ({ host }: Plan) =>
  host.flatMap(step => (step.op === 'runHook' ? [[step.when, step.origin] as const] : []));

describe('hooks', () => {
  it('of the host run at their sync points, in order', () => {
    expect(hostHooks(plan)).toEqual([
      ['runtime', '/hooks/prestart/0/path'],
      ['runtime', '/hooks/createRuntime/0/path'],
      ['runtime', '/hooks/createRuntime/1/path'],
      ['poststart', '/hooks/poststart/0/path'],
      ['poststop', '/hooks/poststop/0/path'],
    ]);
  });

  it('run before the root is entered, or right before the program', () => {
    const order = operations(plan);
    const from = order.indexOf('sync');
    expect(order.slice(from, from + 3)).toEqual(['sync', 'runHook', 'pivotRoot']);
    expect(order.slice(-5)).toEqual(['awaitStart', 'runHook', 'runHook', 'runHook', 'execute']);
  });

  it('in the container receive the state with their pid inserted', () => {
    const [first, second] = stepsOf(plan, 'runHook');
    expect(first).toMatchObject({ args: ['inner', 'x'], env: ['A=1'], home: 0, timeout: 3 });
    expect(JSON.parse(first?.input.join('17') ?? '')).toEqual({
      ociVersion: expect.any(String),
      id: 'jar',
      status: 'creating',
      pid: 17,
      bundle: '/bundle',
      annotations,
    });
    expect(first?.input[1]).toBe(',"bundle":"/bundle","annotations":{"a":"a \\"b\\"","z":"1"}}');
    expect(JSON.parse(second?.input.join('1') ?? '')).toMatchObject({ status: 'created', pid: 1 });
  });

  it('of startContainer have the environment of the program unless they set one', () => {
    expect(stepsOf(plan, 'runHook').map(({ env, home }) => [env, home])).toEqual([
      [['A=1'], 0],
      [['PATH=/bin'], 1],
      [['PATH=/bin'], 1],
      [['B=2'], 0],
    ]);
  });

  it('in empty lists need no step', () => {
    const none = planFor({ config: { hooks: { prestart: [], poststop: [] } } });
    expect(operations(none)).toEqual(operations(planFor()));
    expect(hostHooks(none)).toEqual([]);
  });

  it('are in the printed plan', () => {
    const text = describePlan(plan, 'text');
    expect(text).toMatch(/while the init waits: runtime\n.*attachDeviceRules\n.*runHook path=\/h\/prestart/);
    expect(text).toMatch(/runHook path=\/h\/one timeout=5 +\/hooks\/createRuntime\/0\/path\n/);
    expect(text).toMatch(/after the delete\n.*runHook path=\/h\/poststop/);
  });

  it.each([
    ['exit', 7, 'exit status 7, stdout: a, stderr: b', 'hook.failed', 'path'],
    ['signal', 9, 'signal: killed, stdout: a, stderr: b', 'hook.failed', 'path'],
    [
      'timeout',
      3,
      'hook ran past specified timeout of 3.0s, stdout: a, stderr: b',
      'hook.timeout',
      'timeout',
    ],
    ['execve', 2, 'fork/exec /h/inner: no such file or directory', 'hook.not-executable', 'path'],
  ])('in the container that fail with %s are reported', (syscall, errno, text, code, last) => {
    const step = operations(plan).indexOf('runHook');
    const detail = 'stdout: a, stderr: b';
    const error = explainFailure(plan, { kind: 'failed', step, syscall, errno, detail });
    expect(error).toMatchObject({
      code,
      stage: 'container',
      step,
      pointer: `/hooks/createContainer/0/${last}`,
      message: `error running createContainer hook #0: ${text}`,
    });
    expect(error.errno).toBe(syscall === 'execve' ? 2 : undefined);
  });
});

describe('hooks that inherit a large environment', () => {
  const env = Array.from({ length: 1000 }, (_, index) => `NAME${index}=${'x'.repeat(1000)}`);
  const many = (count: number) =>
    planFor({
      config: { hooks: { startContainer: Array.from({ length: count }, () => ({ path: '/in' })) } },
      process: { env },
    });

  it('are refused before their copies fill the memory', () => {
    expect(stepsOf(many(60), 'runHook')).toHaveLength(60);
    expect(() => many(70)).toThrow(
      expect.objectContaining({ code: 'plan.size', pointer: '/hooks/startContainer' }),
    );
    expect(() => many(100_000)).toThrow(expect.objectContaining({ code: 'plan.size' }));
  });
});
