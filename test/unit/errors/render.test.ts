// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import type { ErrorFields } from '../../../src/errors/error.ts';
import { RuntimeError } from '../../../src/errors/error.ts';
import { manyLines, oneLine } from '../../../src/errors/render.ts';
import { hostFailure, isSystemError, onHost, toRuntimeError } from '../../../src/errors/system.ts';
import type { SystemError } from '../../../src/host/binding.d.ts';
import { refused, thrown } from '../../helpers/fake-machine.ts';

const failure = {
  code: 'container.mount',
  message: 'error mounting "x" to rootfs at "/x": operation not permitted',
  pointer: '/mounts/3',
  line: 12,
  column: 7,
  syscall: 'fsopen',
  errno: 1,
  errnoName: 'EPERM',
  path: '/x',
  hint: 'try something else',
  spec: 'config.md#mounts',
} as const;

describe('one line', () => {
  it('ends with the place in config.json', () => {
    expect(oneLine(failure)).toBe(`${failure.message} (config.json:12:7 /mounts/3)`);
  });

  it.each<[ErrorFields, string]>([
    [{ code: 'state.exists', message: 'm' }, 'm'],
    [{ code: 'state.exists', message: 'm', pointer: '' }, 'm'],
    [{ code: 'state.exists', message: 'm', pointer: '/a' }, 'm (config.json /a)'],
    [{ code: 'state.exists', message: 'm', line: 2, column: 3 }, 'm (config.json:2:3)'],
    [{ code: 'state.exists', message: 'm', pointer: '/a', document: 'p.json' }, 'm (p.json /a)'],
    [{ code: 'internal', message: 'm', document: '--memory' }, 'm (--memory)'],
    [{ code: 'internal', message: 'm', pointer: '', document: 'p.json' }, 'm'],
    [
      { code: 'state.exists', message: 'm', pointer: '/a', line: 2, document: '/p.json' },
      'm (/p.json:2:1 /a)',
    ],
    [{ code: 'state.exists', message: 'one\n  two\n' }, 'one two'],
    [{ code: 'state.exists', message: 'm', pointer: '/a\nb' }, 'm (config.json /a b)'],
  ])('%j', (fields, expected) => {
    expect(oneLine(fields)).toBe(expected);
  });
});

it('many lines contain all fields, one per line', () => {
  const problems: ErrorFields[] = [
    failure,
    { code: 'state.busy', message: 'other', pointer: '/b', hint: 'fix it' },
  ];
  expect(manyLines({ ...failure, problems, cleanup: ['the cgroup /c: busy'] })).toEqual([
    failure.message,
    '  at      config.json:12:7 /mounts/3',
    '  hint    try something else',
    '  kernel  fsopen(2) /x: EPERM',
    '  spec    config.md#mounts',
    '  also    other (config.json /b)',
    '          fix it',
    '  left    the cgroup /c: busy',
  ]);
});

it('many lines are wrapped to a width, with aligned continuation lines', () => {
  const value = 'the operand of the call, which is longer than a line';
  expect(
    manyLines({ ...failure, hint: 'a b c '.repeat(8).trim(), value, spec: undefined }, { width: 34 }),
  ).toEqual([
    'error mounting "x" to rootfs at',
    '"/x": operation not permitted',
    '  at      config.json:12:7',
    '          /mounts/3',
    '  hint    a b c a b c a b c a b c',
    '          a b c a b c a b c a b c',
    '  kernel  fsopen(2) /x: EPERM',
    '  value   the operand of the call,',
    '          which is longer than a',
    '          line',
  ]);
});

it('many lines omit a value that the message quotes', () => {
  expect(manyLines({ code: 'internal', message: 'no option --x', value: '--x' })).toEqual(['no option --x']);
});

it('many lines contain the errno for an operand that is not a path', () => {
  const refusal = { ...failure, path: undefined, syscall: 'fsconfig', detail: 'size=abc: tmpfs: Bad value' };
  expect(manyLines(refusal)).toContain('  kernel  fsconfig(2) size=abc: tmpfs: Bad value: EPERM');
});

describe('a refused system call', () => {
  const error = refused('mkdir', errno.EROFS, '/x') as SystemError;

  it('becomes host.syscall with the errno of the kernel', () => {
    expect(hostFailure(error, 'unable to make /x', { pointer: '/p' })).toMatchObject({
      code: 'host.syscall',
      message: 'unable to make /x: read-only file system',
      stage: 'host',
      syscall: 'mkdir',
      errno: errno.EROFS,
      errnoName: 'EROFS',
      path: '/x',
      pointer: '/p',
    });
  });

  it('is distinguished from every other error', () => {
    const own = new RuntimeError({ code: 'state.exists', message: 'm', syscall: 'x', errno: 1 });
    expect([isSystemError(error), isSystemError(own), isSystemError(new Error('x'))]).toEqual([
      true,
      false,
      false,
    ]);
    expect(
      thrown(() =>
        onHost('x', () => {
          throw own;
        }),
      ),
    ).toBe(own);
    expect(toRuntimeError(new TypeError('oops'))).toMatchObject({ code: 'internal' });
  });
});

it.each([null, new Error('out of memory')])('a lack of memory is not called an internal error: %s', error => {
  expect(toRuntimeError(error)).toMatchObject({ code: 'host.memory', message: 'out of memory' });
});
