// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import { limitInit, restoreOomScoreAdj, setOomScoreAdj } from '../../../src/lifecycle/init-limits.ts';
import { type FakeMachine, machineForEachTest, thrown } from '../../helpers/fake-machine.ts';
import { hostContext } from '../../helpers/host-context.ts';

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
});

describe('the limits of an init in a user namespace', () => {
  const limit = (resource: number, soft: bigint, hard: bigint) =>
    ({
      op: 'limitInit',
      when: 'limits',
      resource,
      soft,
      hard,
      origin: `/process/rlimits/${resource}`,
    }) as const;
  const set = () =>
    limitInit.apply(
      [limit(4, 0n, 2n ** 64n - 1n), limit(7, 5n, 6n)],
      hostContext(machine.runtime, { pid: 77 }),
    );

  it('are set with exact numbers', () => {
    set();
    expect(machine.calls).toEqual(['limitProcess 77 4 0 18446744073709551615', 'limitProcess 77 7 5 6']);
  });

  it('are refused at the limit in config.json', () => {
    machine.trouble.set('limitProcess', errno.EPERM);
    expect(thrown(set)).toMatchObject({
      code: 'container.rlimit',
      message: 'error setting rlimit type 4: operation not permitted',
      pointer: '/process/rlimits/4',
      value: 'RLIMIT_CORE soft=0 hard=unlimited',
    });
  });
});

describe('oom_score_adj', () => {
  const own = '/proc/self/oom_score_adj';
  const score = (when: 'before' | 'after') =>
    ({ op: 'setOomScoreAdj', when, value: 500, origin: '/process/oomScoreAdj' }) as const;
  beforeEach(() => {
    machine.procFiles.set(own, '100\n');
  });

  it('is that of the init for root', () => {
    setOomScoreAdj.apply([score('after')], hostContext(machine.runtime, { pid: 77 }));
    expect(machine.procWrites).toEqual([['/proc/77/oom_score_adj', '500']]);
  });

  it('is that of the runtime around the clone for a user', () => {
    const context = hostContext(machine.runtime, { pid: 77 });
    setOomScoreAdj.apply([score('before')], context);
    restoreOomScoreAdj.apply(
      [{ op: 'restoreOomScoreAdj', when: 'after', origin: '/process/oomScoreAdj' }],
      context,
    );
    const writes = [
      [own, '500'],
      [own, '100'],
    ];
    expect(machine.procWrites).toEqual(writes);
    expect(context.undo.rollback()).toEqual([]);
    expect(machine.procWrites).toEqual(writes);
  });

  it('of the runtime is restored if a later step fails', () => {
    const context = hostContext(machine.runtime);
    setOomScoreAdj.apply([score('before')], context);
    context.undo.rollback();
    expect(machine.procWrites.at(-1)).toEqual([own, '100']);
  });

  it.each([[errno.ENOENT], [errno.ESRCH]])('of an init that has exited is skipped (error %i)', number => {
    machine.trouble.set('writeText', number);
    setOomScoreAdj.apply([score('after')], hostContext(machine.runtime, { pid: 77 }));
    machine.trouble.set('writeText', number);
    expect(thrown(() => setOomScoreAdj.apply([score('before')], hostContext(machine.runtime)))).toMatchObject(
      { errno: number },
    );
  });

  it('that the kernel refuses is at the property, with the number of the step', () => {
    machine.trouble.set('writeText', errno.EACCES);
    const step = score('after');
    const restore = { op: 'restoreOomScoreAdj', when: 'after', origin: '' } as const;
    const context = hostContext(machine.runtime, { pid: 77, host: [restore, step] });
    expect(thrown(() => setOomScoreAdj.apply([step], context))).toMatchObject({
      message: 'unable to set oom_score_adj to 500: permission denied',
      pointer: '/process/oomScoreAdj',
      value: '500',
      step: 1,
    });
  });
});
