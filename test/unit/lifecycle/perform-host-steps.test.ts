// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import type { HostContext } from '../../../src/lifecycle/host-context.ts';
import { asStartFailure, performHostSteps } from '../../../src/lifecycle/perform-host-steps.ts';
import type { HostStep } from '../../../src/plan/plan.ts';
import { syncAt } from '../../../src/plan/sync-points.ts';
import type { Step } from '../../../src/wire/steps.ts';
import { type FakeMachine, machineForEachTest, thrown } from '../../helpers/fake-machine.ts';
import { hostContext } from '../../helpers/host-context.ts';

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
});
beforeEach(() => {
  machine.procFiles.set('/proc/self/oom_score_adj', '0');
});

const score = (when: 'before' | 'after', value: number): HostStep => ({
  op: 'setOomScoreAdj',
  when,
  value,
  origin: `/${value}`,
});
const hook = (path: string): HostStep => ({
  op: 'runHook',
  when: 'runtime',
  kind: 'createRuntime',
  index: 0,
  hook: { path },
  origin: '/hooks',
});
const mapTree = (origin: string): HostStep => ({
  op: 'mapTree',
  when: 'mapTree',
  idmap: { recursive: false },
  origin,
});
const resume: HostStep = { op: 'resumeInit', when: 'ready', origin: '' };

function perform(host: readonly HostStep[], container: readonly Step[] = []): [HostContext, () => unknown] {
  const context = hostContext(machine.runtime, { host, container });
  const clone = () => {
    machine.calls.push('clone');
    const { pid } = machine.addProcess();
    return { pid, pidfd: machine.binding.pidfdOpen(pid) as number, channel: 2_000_000 };
  };
  return [context, () => performHostSteps(context, clone)];
}

describe('the steps of the runtime', () => {
  it('are performed around the clone, at their sync point, and when the init is ready', () => {
    const steps = [score('before', 1), score('after', 2), hook('/h/one'), hook('/h/two'), resume];
    machine.reports = [{ kind: 'waiting', step: 0 }];
    const [context, run] = perform(steps, [syncAt('runtime', '/hooks')]);
    run();
    const { pid } = context.init;
    expect(machine.calls).toEqual([
      'writeText /proc/self/oom_score_adj',
      'clone',
      `writeText /proc/${pid}/oom_score_adj`,
      'awaitReport',
      'runHook /h/one',
      'runHook /h/two',
      'resume',
      'awaitReport',
      'resume',
      'awaitReport',
    ]);
    expect(context.waiting).toBe(undefined);
  });

  it('with mapTree map only the tree of the waiting mount, once for each wait', () => {
    machine.reports = [0, 1].map(step => ({ kind: 'waiting', step, fd: 2_300_000 + step }));
    const [context, run] = perform(
      [mapTree('/mounts/1'), mapTree('/mounts/4'), resume],
      [syncAt('mapTree', '/mounts/1'), syncAt('mapTree', '/mounts/4')],
    );
    run();
    expect(machine.calls.filter(call => call === 'mapMount')).toHaveLength(2);
    expect(machine.calls.filter(call => call === 'resume with 1')).toHaveLength(2);
    expect(context.nextMapTree).toBe(2);
  });

  it('with mapTree are skipped for a mount at which the init does not wait', () => {
    machine.reports = [{ kind: 'waiting', step: 0, fd: 2_300_000 }];
    const [context, run] = perform(
      [mapTree('/mounts/1'), mapTree('/mounts/4'), resume],
      [syncAt('mapTree', '/mounts/4')],
    );
    run();
    expect(machine.calls.filter(call => call === 'mapMount')).toHaveLength(1);
    expect(context.nextMapTree).toBe(2);
  });

  it('are undone in reverse order after a failure; the init is killed and descriptors are closed', () => {
    machine.hookEnds = [{ code: 1 }];
    machine.reports = [{ kind: 'waiting', step: 0 }];
    const [context, run] = perform(
      [score('before', 7), hook('/h/one'), resume],
      [syncAt('runtime', '/hooks')],
    );
    const ended: string[] = [];
    context.atEnd(() => ended.push('end'));
    expect(thrown(run)).toMatchObject({
      code: 'hook.failed',
      message: expect.stringMatching(/^unable to start container process: error during container init: /),
    });
    expect(machine.processes.size).toBe(0);
    expect(machine.procWrites.at(-1)).toEqual(['/proc/self/oom_score_adj', '0']);
    expect(ended).toEqual(['end']);
    expect(machine.openPidfds).toBe(0);
  });
});

describe('a report of the init', () => {
  it('that it failed is the error of its step', () => {
    machine.reports = [{ kind: 'failed', step: 0, syscall: 'sethostname', errno: errno.EPERM }];
    const [, run] = perform([resume], [{ op: 'setHostname', origin: '/hostname', name: 'web' }]);
    expect(thrown(run)).toMatchObject({
      code: 'container.hostname',
      pointer: '/hostname',
      message:
        'unable to start container process: error during container init: sethostname: operation not permitted',
    });
  });

  it('that another process continues replaces the init, and the first one is reaped', () => {
    const second = machine.addProcess();
    machine.reports = [{ kind: 'cloned', step: second.pid }];
    const [context, run] = perform([resume]);
    expect(run()).toMatchObject({ pid: second.pid, startTime: second.startTime });
    expect(context.init.pid).toBe(second.pid);
  });

  it('that it waits at a step without a sync point is a fault of the plan', () => {
    machine.reports = [{ kind: 'waiting', step: 0 }];
    const [, run] = perform([resume], [{ op: 'setHostname', origin: '/hostname', name: 'web' }]);
    expect(thrown(run)).toMatchObject({ code: 'internal', step: 0 });
  });
});

it('a failed start has the prefix that users of engines search for', () => {
  const fail = () => asStartFailure(() => machine.binding.readlink('/nowhere'));
  expect(thrown(fail)['message']).toMatch(/^unable to start container process: readlink \/nowhere: /);
  expect(asStartFailure(() => 7)).toBe(7);
});
