// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { RuntimeError } from '../../../src/errors/error.ts';
import { UndoList } from '../../../src/lifecycle/undo.ts';
import { refused } from '../../helpers/fake-machine.ts';

describe('the undo list', () => {
  it('runs the newest entry first, and each only once', () => {
    const done: string[] = [];
    const undo = new UndoList();
    undo.arm('first', () => done.push('first'));
    undo.arm('second', () => done.push('second'));
    expect(undo.rollback()).toEqual([]);
    undo.rollback();
    expect(done).toEqual(['second', 'first']);
  });

  it('runs nothing after it is disarmed', () => {
    const undo = new UndoList();
    undo.arm('first', () => expect.unreachable());
    undo.disarm();
    expect(undo.rollback()).toEqual([]);
  });

  it('reports the first failure first, and continues after a failed entry', () => {
    const done: string[] = [];
    const undo = new UndoList();
    undo.arm('the state directory', () => done.push('state'));
    undo.arm('the cgroup', () => {
      throw refused('rmdir', 16, '/c');
    });
    const failure = undo.fail(new RuntimeError({ code: 'config.value', message: 'bad', pointer: '/a' }));
    expect(failure).toMatchObject({ code: 'config.value', message: 'bad', pointer: '/a' });
    expect(failure.cleanup).toEqual(['the cgroup: rmdir /c: device or resource busy']);
    expect(done).toEqual(['state']);
  });
});
