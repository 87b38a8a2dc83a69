// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import { runHook, runPoststartHooks, runPoststopHooks } from '../../../src/lifecycle/hooks.ts';
import type { Hook } from '../../../src/oci/config.ts';
import { ociVersion } from '../../../src/oci/version.ts';
import { type FakeMachine, machineForEachTest, thrown } from '../../helpers/fake-machine.ts';
import { hostContext } from '../../helpers/host-context.ts';

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
});

const run = (kind: 'prestart' | 'createRuntime', hook: Hook) =>
  runHook.apply(
    [{ op: 'runHook', when: 'runtime', kind, index: 1, hook, origin: `/hooks/${kind}/1/path` }],
    hostContext(machine.runtime, { pid: 77 }),
  );
const record = (
  hooks: Partial<Record<'poststart' | 'poststop', Hook[]>>,
  annotations?: Record<string, string>,
) =>
  hostContext(machine.runtime, {
    record: { hooks, init: { pid: 77, startTime: 5 }, ...(annotations && { annotations }) },
  }).record;

it('a hook gets the state of the container on its standard input, in the directory of the bundle', () => {
  run('createRuntime', { path: '/bin/hook', args: ['hook', '-x'], env: ['A=1'], timeout: 2 });
  const [{ input, ...rest } = { input: '' }] = machine.hooks;
  expect(rest).toEqual({
    path: '/bin/hook',
    args: ['hook', '-x'],
    env: ['A=1'],
    directory: '/bundle',
    timeoutMs: 2000,
  });
  expect(JSON.parse(input)).toEqual({
    ociVersion,
    id: 'web',
    status: 'creating',
    pid: 77,
    bundle: '/bundle',
  });
});

it('a hook without env gets the environment of the runtime, and without args its path as argv[0]', () => {
  run('createRuntime', { path: '/bin/hook' });
  expect(machine.hooks[0]).toMatchObject({ args: ['/bin/hook'], timeoutMs: -1 });
  expect(machine.hooks[0]).not.toHaveProperty('env');
});

it('prestart hooks see a created container, because existing hooks expect that', () => {
  run('prestart', { path: '/bin/hook' });
  expect(JSON.parse(machine.hooks[0]?.input ?? '')).toMatchObject({ status: 'created' });
});

it.each([
  [{ code: 3, stderr: 'no route\n' }, 'hook.failed', '/hooks/createRuntime/1/path', 'exit status 3'],
  [{ code: undefined, signal: 9 }, 'hook.failed', '/hooks/createRuntime/1/path', 'signal: killed'],
  [{ timedOut: true }, 'hook.timeout', '/hooks/createRuntime/1/timeout', '2'],
])('a hook that ends with %j fails the create at its place', (end, code, pointer, value) => {
  machine.hookEnds = [end as object];
  const error = thrown(() => run('createRuntime', { path: '/bin/hook', timeout: 2 }));
  expect(error).toMatchObject({ code, pointer, value, stage: 'host' });
  expect(error['message']).toMatch(/^error during container init: error running createRuntime hook #1: /);
});

it('a hook that cannot be executed has its own code, and a hint for the file system of the host', () => {
  machine.trouble.set('runHook', () => {
    throw Object.assign(new Error('x'), { syscall: 'execve', errno: errno.ENOENT });
  });
  expect(thrown(() => run('createRuntime', { path: '/bin/hook' }))).toMatchObject({
    code: 'hook.not-executable',
    errnoName: 'ENOENT',
    path: '/bin/hook',
    message:
      'error during container init: error running createRuntime hook #1: fork/exec /bin/hook: no such file or directory',
    hint: expect.stringContaining('the host'),
  });
});

it('poststart hooks see a running container, and stop at the first that fails', () => {
  machine.hookEnds = [{}, { code: 1 }];
  const hooks = ['/a', '/b', '/c'].map(path => ({ path }));
  const error = thrown(() => runPoststartHooks(machine.runtime, record({ poststart: hooks })));
  expect(error).toMatchObject({ code: 'hook.failed', pointer: '/hooks/poststart/1/path' });
  expect(machine.hooks.map(({ path }) => path)).toEqual(['/a', '/b']);
  expect(JSON.parse(machine.hooks[0]?.input ?? '')).toMatchObject({ status: 'running', pid: 77 });
});

it('all poststop hooks run without a pid, and a failure is a warning', () => {
  machine.hookEnds = [{ code: 1, stdout: 'x\n' }, {}];
  const hooks = ['/a', '/b'].map(path => ({ path }));
  runPoststopHooks(machine.runtime, record({ poststop: hooks }, { b: '2', a: '1' }));
  expect(machine.hooks.map(({ path }) => path)).toEqual(['/a', '/b']);
  const state = machine.hooks[1]?.input ?? '';
  expect(JSON.parse(state)).toEqual({
    ociVersion,
    id: 'web',
    status: 'stopped',
    bundle: '/bundle',
    annotations: { a: '1', b: '2' },
  });
  expect(machine.warnings).toEqual(['error running poststop hook #0: exit status 1, stdout: x, stderr: ']);
});
