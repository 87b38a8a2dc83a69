// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { operations, orderOf, planFor, stepsOf } from '../../helpers/plan.ts';

describe('the terminal', () => {
  it('is opened after the devices are made, and becomes the standard streams after the pivot and before the user changes', () => {
    const plan = planFor({
      process: { terminal: true, consoleSize: { height: 24, width: 80 }, user: { uid: 7, gid: 8 } },
    });
    const [opened] = stepsOf(plan, 'openTerminal');
    expect(opened).toMatchObject({
      path: '/dev/pts/ptmx',
      console: '/dev/console',
      height: 24,
      width: 80,
      uid: 7,
    });
    const ops = operations(plan);
    const at = ops.indexOf('openTerminal');
    expect(ops[at - 1]).toBe('replaceSymlink');
    expect(plan.container[at + 1]).toMatchObject({
      op: 'sync',
      point: 'console',
      slot: opened?.slot,
      origin: '/process/terminal',
    });
    expect(ops).not.toContain('ownStdio');
    const order = ['openTerminal', 'pivotRoot', 'useTerminal', 'setUser'] as const;
    expect(orderOf(plan, ...order)).toEqual(order);
  });

  it('has a slot that no other step uses', () => {
    const plan = planFor({ process: { terminal: true } });
    const slot = stepsOf(plan, 'openTerminal')[0]?.slot;
    expect(slot).toBeGreaterThan(0);
    expect(plan.spawn.startFifo).not.toBe(slot);
  });

  it('is absent by default, also with consoleSize', () => {
    const plan = planFor({ process: { terminal: false, consoleSize: { height: 2n ** 40n, width: 80 } } });
    expect(operations(plan)).not.toContain('openTerminal');
    expect(operations(plan)).not.toContain('sync');
    expect(operations(plan)).toContain('ownStdio');
  });
});
