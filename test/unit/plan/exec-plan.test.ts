// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { makeExecPlan } from '../../../src/plan/exec-plan.ts';
import { callersUmask } from '../../../src/plan/process.ts';
import { facts, operations, stepsOf } from '../../helpers/plan.ts';

const plan = (noNewKeyring = false, terminal = false) =>
  makeExecPlan(
    {
      process: {
        args: ['/bin/true'],
        cwd: '/',
        user: { uid: 1, gid: 2 },
        env: ['HOME=/'],
        oomScoreAdj: 5,
        terminal,
        consoleSize: { height: 3, width: 4 },
      },
      facts,
      origin: (...parts) => `/${parts.join('/')}`,
    },
    { id: 'jar', noNewKeyring, preserveFds: 2 },
  );

it('the plan of exec opens nothing before it has its keyring, and waits only for the runtime', () => {
  expect(operations(plan())).toEqual([
    'joinSessionKeyring',
    'ownStdio',
    'setAffinity',
    'setUmask',
    'changeDirectory',
    'setUser',
    'changeDirectory',
    'findProgram',
    'ready',
    'execute',
  ]);
  expect(operations(plan(true))).not.toContain('joinSessionKeyring');
});

it('the plan of exec creates no namespace, and keeps the umask of its caller', () => {
  expect(plan().spawn).toEqual({ cloneFlags: 0, preserveFds: 2 });
  expect(stepsOf(plan(), 'setUmask')).toMatchObject([{ mask: callersUmask, origin: '' }]);
});

it('the plan of exec has pointers into the document that it was made from', () => {
  expect(stepsOf(plan(), 'findProgram', 'changeDirectory').map(step => step.origin)).toEqual([
    '/cwd',
    '/cwd',
    '/args/0',
  ]);
  expect(plan().host.slice(0, -1)).toMatchObject([
    { op: 'setOomScoreAdj', value: 5, origin: '/oomScoreAdj' },
  ]);
});

it('the plan of exec opens a terminal in the container, but not as its console', () => {
  const ops = operations(plan(false, true));
  expect(ops.slice(0, 4)).toEqual(['joinSessionKeyring', 'openTerminal', 'sync', 'useTerminal']);
  const [opened] = stepsOf(plan(false, true), 'openTerminal');
  expect(opened).toMatchObject({ origin: '/terminal', console: '', slot: 1, height: 3, width: 4, uid: 1 });
  expect(stepsOf(plan(false, true), 'sync')).toMatchObject([{ point: 'console', slot: 1 }]);
});
